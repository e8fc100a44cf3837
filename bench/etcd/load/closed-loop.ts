import { setTimeout as rest } from 'node:timers/promises';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { NO_STATUS, RawStream } from '../../../test/support/raw/raw-stream.ts';
import { processCpuMicros } from '../../../test/support/process-figures.ts';
import { Latencies } from './latencies.ts';
import type { Shape } from './shapes.ts';
import type { LoopResult } from './tasks.ts';

/** The first bytes of an answer that a shape may look at. */
const HEAD_BYTES = 96;

export interface ClosedLoopOptions {
  readonly connections: readonly RawConnection[];
  /** Each has one call under way at any time; they are spread over the connections. */
  readonly clients: number;
  readonly shape: Shape;
  /** Not measured. A shape that runs out of keys must not be warmed up for long. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Whose CPU time is measured. */
  readonly serverPid: number;
}

/** Runs clients that each send their next call when the last one is answered. */
export async function closedLoop(options: ClosedLoopOptions): Promise<LoopResult> {
  const loop = new ClosedLoop(options);
  return await loop.run();
}

class ClosedLoop {
  readonly shape: Shape;
  readonly #options: ClosedLoopOptions;
  readonly #latencies = new Latencies();
  readonly #failures: Record<string, number> = {};
  #succeeded = 0;
  #running = 0;
  #isMeasuring = false;
  #isStopping = false;
  #lastMs = 0;
  #stopped: () => void = () => undefined;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    this.shape = options.shape;
  }

  async run(): Promise<LoopResult> {
    const { clients, connections, warmMs, measureMs, serverPid } = this.#options;
    const stopped = new Promise<void>((resolve) => (this.#stopped = resolve));
    this.#running = clients;
    for (let client = 0; client < clients; client++)
      new Client(this, connections[client % connections.length]!, client).next();
    for (const connection of connections) connection.flush();
    if (warmMs > 0) await Promise.race([stopped, rest(warmMs)]);
    const cpu = processCpuMicros(serverPid);
    const own = process.cpuUsage();
    const startMs = performance.now();
    this.#isMeasuring = true;
    await Promise.race([stopped, rest(measureMs)]);
    this.#isMeasuring = false;
    // Clients that ran out of keys stopped with the last answer, not with the timer.
    const endMs = this.#running === 0 ? this.#lastMs : performance.now();
    const serverCpuMicros = processCpuMicros(serverPid) - cpu;
    const { user, system } = process.cpuUsage(own);
    this.#isStopping = true;
    if (this.#running > 0) await stopped;
    return {
      ...this.#latencies.summary(),
      operations: this.#latencies.count,
      elapsedMs: Math.max(endMs - startMs, 1e-3),
      serverCpuMicros,
      generatorCpuMicros: user + system,
      failures: this.#failures,
      succeeded: this.#succeeded,
    };
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  answered(elapsedMs: number): void {
    this.#succeeded++;
    if (this.#isMeasuring) this.#latencies.record(elapsedMs);
  }

  failed(what: string): void {
    this.#failures[what] = (this.#failures[what] ?? 0) + 1;
  }

  stopped(nowMs: number): void {
    this.#lastMs = nowMs;
    if (--this.#running === 0) this.#stopped();
  }
}

class Client extends RawStream {
  readonly #loop: ClosedLoop;
  readonly #connection: RawConnection;
  readonly #client: number;
  readonly #body = Buffer.alloc(HEAD_BYTES);
  #bodyBytes = 0;
  #turn = 0;
  #key = 0;
  #startedMs = 0;

  constructor(loop: ClosedLoop, connection: RawConnection, client: number) {
    super();
    this.#loop = loop;
    this.#connection = connection;
    this.#client = client;
  }

  next(): void {
    const { shape } = this.#loop;
    this.#key = this.#loop.isStopping ? -1 : shape.keyOf(this.#client, this.#turn++);
    if (this.#key < 0) {
      this.#loop.stopped(this.#connection.nowMs);
      return;
    }
    this.#bodyBytes = 0;
    this.#startedMs = performance.now();
    this.ready();
  }

  override ready(): void {
    const { shape } = this.#loop;
    const at = this.#connection.begin(shape.path, shape.bytes(this.#key), this, true);
    if (at >= 0) shape.write(this.#connection.out, at, this.#key);
  }

  data(bytes: Buffer, start: number, end: number): void {
    const have = this.#bodyBytes;
    this.#bodyBytes = have + end - start;
    if (!this.#loop.shape.readsAnswer) return;
    const count = Math.min(end - start, HEAD_BYTES - have);
    for (let i = 0; i < count; i++) this.#body[have + i] = bytes[start + i]!;
  }

  ended(status: number, message: string | undefined): void {
    const loop = this.#loop;
    if (status === 0 && loop.shape.isRight(this.#key, this.#body, this.#bodyBytes)) {
      loop.answered(this.#connection.nowMs - this.#startedMs);
    } else loop.failed(status === 0 ? 'unexpected answer' : `status ${status} ${message ?? ''}`);
    // Without a connection, more calls would fail at once and for ever.
    if (status === NO_STATUS) loop.stopped(this.#connection.nowMs);
    else this.next();
  }
}

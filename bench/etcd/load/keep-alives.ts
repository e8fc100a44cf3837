import { setTimeout as rest } from 'node:timers/promises';
import { encodeRequest } from '../../../test/etcd/protocol.ts';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { RawClient } from '../../../test/support/raw/raw-client.ts';
import { RawStream } from '../../../test/support/raw/raw-stream.ts';
import { processCpuMicros } from '../../../test/support/process-figures.ts';
import { Latencies } from './latencies.ts';
import type { GrantTask, KeepAliveTask, LoopResult } from './tasks.ts';
import {
  FIRST_LEASE,
  isKeptAlive,
  KEEP_ALIVE,
  KEEP_ALIVE_BYTES,
  LEASE_SECONDS,
  writeKeepAlive,
} from './keep-alive-request.ts';
import { MessageParser } from './message-parser.ts';

const GRANT = '/etcdserverpb.Lease/LeaseGrant';
const CALLS_PER_CONNECTION = 16;

export async function grantLeases(
  connections: readonly RawConnection[],
  { leases }: GrantTask,
): Promise<void> {
  let next = 0;
  const lane = async (client: RawClient): Promise<void> => {
    while (next < leases) {
      const request = encodeRequest(GRANT, { TTL: LEASE_SECONDS, ID: FIRST_LEASE + next++ });
      const { status, text } = await client.ask(GRANT, request);
      if (status !== 0) throw new Error(`Cannot grant a lease: status ${status} ${text}`);
    }
  };
  const clients = connections.map((connection) => new RawClient(connection));
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: CALLS_PER_CONNECTION }, () => lane(client))),
  );
}

/** One stream on each connection, some keep-alives under way on each at any time. */
export async function keepAlive(
  connections: readonly RawConnection[],
  task: KeepAliveTask,
  serverPid: number,
): Promise<LoopResult> {
  const run = new Run(task);
  for (const connection of connections) new KeepAliveStream(run, connection).start();
  await rest(task.warmMs);
  const cpu = processCpuMicros(serverPid);
  const own = process.cpuUsage();
  run.latencies.clear();
  const startMs = performance.now();
  await rest(task.measureMs);
  const operations = run.latencies.count;
  const elapsedMs = performance.now() - startMs;
  const serverCpuMicros = processCpuMicros(serverPid) - cpu;
  const { user, system } = process.cpuUsage(own);
  run.isStopping = true;
  return {
    ...run.latencies.summary(),
    ...{ operations, elapsedMs, serverCpuMicros, generatorCpuMicros: user + system },
    ...{ failures: run.failures, succeeded: run.succeeded },
  };
}

class Run {
  readonly leases: number;
  readonly perStream: number;
  readonly latencies = new Latencies();
  readonly failures: Record<string, number> = {};
  succeeded = 0;
  isStopping = false;
  #next = 0;

  constructor({ leases, perStream }: KeepAliveTask) {
    this.leases = leases;
    this.perStream = perStream;
  }

  nextLease(): number {
    this.#next = (this.#next + 7919) % this.leases;
    return this.#next;
  }

  fail(what: string): void {
    this.failures[what] = (this.failures[what] ?? 0) + 1;
  }
}

class KeepAliveStream extends RawStream {
  readonly #run: Run;
  readonly #connection: RawConnection;
  readonly #parser = new MessageParser((bytes, _start, end) => this.#answered(bytes, end));
  /** When each of those under way was sent: answers come in order. */
  readonly #sentMs: Float64Array;
  #sent = 0;
  #answeredCount = 0;
  #isOpen = false;

  constructor(run: Run, connection: RawConnection) {
    super();
    this.#run = run;
    this.#connection = connection;
    this.#sentMs = new Float64Array(run.perStream);
  }

  start(): void {
    for (let at = 0; at < this.#run.perStream; at++) this.ready();
    this.#connection.flush();
  }

  override ready(): void {
    const connection = this.#connection;
    const at = this.#isOpen
      ? connection.append(KEEP_ALIVE_BYTES, this, false)
      : connection.begin(KEEP_ALIVE, KEEP_ALIVE_BYTES, this, false);
    if (at < 0) return;
    this.#isOpen = true;
    this.#sentMs[this.#sent++ % this.#run.perStream] = performance.now();
    writeKeepAlive(connection.out, at, this.#run.nextLease());
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.#parser.data(bytes, start, end);
  }

  ended(status: number, message: string | undefined): void {
    if (!this.#run.isStopping) this.#run.fail(`a stream ended with status ${status} ${message ?? ''}`);
  }

  #answered(bytes: Buffer, end: number): void {
    const run = this.#run;
    if (isKeptAlive(bytes, end)) run.succeeded++;
    else run.fail('a lease was not kept alive');
    run.latencies.record(this.#connection.nowMs - this.#sentMs[this.#answeredCount++ % run.perStream]!);
    if (!run.isStopping) this.ready();
  }
}

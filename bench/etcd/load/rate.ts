import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { NO_STATUS, RawStream } from '../../../test/support/raw/raw-stream.ts';
import type { Shape } from './shapes.ts';

export interface RateOptions {
  readonly connections: readonly RawConnection[];
  readonly shape: Shape;
  readonly perSecond: number;
  /** Each call that ended OK and as expected. */
  readonly answered: (elapsedMs: number) => void;
  readonly failed: (what: string) => void;
}

/** Calls without an answer, for each connection: a server that is so far behind does not bear the rate. */
const UNANSWERED_MAX = 2048;

/** Sends calls at a fixed rate, whether those before are answered or not. */
export class Rate {
  sent = 0;
  readonly #options: RateOptions;
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  /** Calls that have ended and serve again. */
  readonly #idle: RateCall[] = [];
  #underWay = 0;
  #isBroken = false;
  #settled: (() => void) | undefined;

  constructor(options: RateOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), 1);
  }

  /** Sends no more and waits for the answers. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
  }

  ended(call: RateCall, status: number): void {
    this.#idle.push(call);
    if (status === NO_STATUS) this.#isBroken = true;
    if (--this.#underWay === 0) this.#settled?.();
  }

  #tick(): void {
    const { connections, shape, perSecond, failed } = this.#options;
    const due = Math.floor(((performance.now() - this.#startMs) * perSecond) / 1000);
    for (; this.sent < due && !this.#isBroken; this.sent++) {
      if (this.#underWay >= UNANSWERED_MAX * connections.length) {
        failed('not sent: too many are unanswered');
        continue;
      }
      this.#underWay++;
      const connection = connections[this.sent % connections.length]!;
      const call = this.#idle.pop() ?? new RateCall(this, this.#options, connection);
      call.send(connection, shape.keyOf(0, this.sent));
    }
    for (const connection of connections) connection.flush();
  }
}

class RateCall extends RawStream {
  readonly #rate: Rate;
  readonly #options: RateOptions;
  #connection: RawConnection;
  #key = 0;
  #bodyBytes = 0;
  #startedMs = 0;

  constructor(rate: Rate, options: RateOptions, connection: RawConnection) {
    super();
    this.#rate = rate;
    this.#options = options;
    this.#connection = connection;
  }

  send(connection: RawConnection, key: number): void {
    this.#connection = connection;
    this.#key = key;
    this.#bodyBytes = 0;
    this.#startedMs = performance.now();
    this.ready();
  }

  override ready(): void {
    const { shape } = this.#options;
    const connection = this.#connection;
    const at = connection.begin(shape.path, shape.bytes(this.#key), this, true);
    if (at >= 0) shape.write(connection.out, at, this.#key);
  }

  data(_bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start;
  }

  ended(status: number, message: string | undefined): void {
    const { shape, answered, failed } = this.#options;
    // Shapes that read the answer need it; those that are sent at a rate look at its length only.
    if (status !== 0) failed(`status ${status} ${message ?? ''}`);
    else if (!shape.isRight(this.#key, EMPTY, this.#bodyBytes)) failed('unexpected answer');
    else answered(this.#connection.nowMs - this.#startedMs);
    this.#rate.ended(this, status);
  }
}

const EMPTY = Buffer.alloc(0);

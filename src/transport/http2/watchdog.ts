import type { Http2Environment } from './environment.ts';
import { ErrorCode } from './error-code.ts';
import type { Session } from './session.ts';

/** What the watchdog sees of a connection each second. */
export interface Watched {
  readonly isOver: boolean;
  readonly hasSettings: boolean;
  /** A frame or a header block has begun and is not complete. */
  readonly isInside: boolean;
  /** Counts those that began and were not complete at once. */
  readonly begun: number;
}

/** What is to be done: `drained` and `close` when the time for it has come, or words for what the client failed to do. */
export type Verdict =
  | 'fine'
  | 'ping'
  | 'drained'
  | 'close'
  | 'no preface in time'
  | 'frame not completed'
  | 'nothing taken'
  | 'no sign of life';

/** The time limits of one connection, looked at once a second. All times are in seconds of the environment. */
export class Watchdog {
  readonly #environment: Http2Environment;
  readonly #session: Session;
  readonly #startSecond: number;
  #receivedSecond: number;
  #sentSecond: number;
  /** When the ping went out that has not been followed by anything. */
  #pingSecond: number | undefined;
  #drainSecond: number | undefined;
  #closingSecond: number | undefined;
  #isGraceful = false;
  #begun = 0;
  #begunSecond: number;

  constructor(environment: Http2Environment, session: Session) {
    const second = environment.second;
    this.#environment = environment;
    this.#session = session;
    this.#startSecond = second;
    this.#receivedSecond = second;
    this.#sentSecond = second;
    this.#begunSecond = second;
  }

  received(): void {
    this.#receivedSecond = this.#environment.second;
    this.#pingSecond = undefined;
  }

  sent(): void {
    this.#sentSecond = this.#environment.second;
  }

  drainAnnounced(): void {
    this.#drainSecond = this.#environment.second;
  }

  /** The socket was ended. `isGraceful`: what is on its way may take as long as the client goes on taking it. */
  closing(isGraceful: boolean): void {
    this.#closingSecond = this.#environment.second;
    this.#isGraceful = isGraceful;
  }

  tick(seen: Watched): Verdict {
    const { limits } = this.#environment;
    const isWaiting = this.#session.sender.output.unsent > 0;
    if (!isWaiting) this.sent();
    const isStuck = this.#isPast(this.#sentSecond, limits.stallMsMax);
    if (seen.isOver) {
      if (this.#isGraceful && isWaiting && !isStuck) this.#closingSecond = this.#environment.second;
      return this.#isPast(this.#closingSecond, limits.closeMsMax) ? 'close' : 'fine';
    }
    if (!seen.hasSettings && this.#isPast(this.#startSecond, limits.handshakeMsMax))
      return 'no preface in time';
    if (this.#isStuckInside(seen)) return 'frame not completed';
    if (isStuck) return 'nothing taken';
    this.#resetStalled();
    if (this.#isPast(this.#drainSecond, limits.closeMsMax)) {
      this.#drainSecond = undefined;
      return 'drained';
    }
    return this.#keepAlive();
  }

  #isPast(since: number | undefined, limitMs: number): boolean {
    return since !== undefined && (this.#environment.second - since) * 1000 >= limitMs;
  }

  #isStuckInside(seen: Watched): boolean {
    if (seen.isInside && seen.begun === this.#begun) {
      return this.#isPast(this.#begunSecond, this.#environment.limits.frameMsMax);
    }
    this.#begun = seen.begun;
    this.#begunSecond = this.#environment.second;
    return false;
  }

  /** Answers that wait for a client that takes nothing, or too little, hold memory: they are given up. */
  #resetStalled(): void {
    if (this.#session.sender.turns.queuedBytes === 0) return;
    for (const stream of this.#session.streams.all()) {
      const { queue } = stream;
      if (queue === undefined || queue.bytes === 0) continue;
      const isStalled = this.#isPast(stream.progressSecond, this.#environment.limits.stallMsMax);
      if (!isStalled && !queue.isOverdue) continue;
      this.#session.reset(stream, ErrorCode.cancel);
      this.#session.tellCancelled(stream, ErrorCode.cancel);
    }
  }

  #keepAlive(): Verdict {
    const { keepaliveMs, keepaliveTimeoutMs } = this.#environment.limits;
    if (this.#pingSecond !== undefined) {
      return this.#isPast(this.#pingSecond, keepaliveTimeoutMs) ? 'no sign of life' : 'fine';
    }
    if (keepaliveMs === 0 || !this.#isPast(this.#receivedSecond, keepaliveMs)) return 'fine';
    this.#pingSecond = this.#environment.second;
    return 'ping';
  }
}

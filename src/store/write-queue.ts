import type { Clock, Scheduler } from '../base/index.ts';
import type { LogWriter, Waiter } from '../log/index.ts';
import type { StoreErrorCode } from './errors.ts';
import type { StoreLimits } from './limits.ts';
import type { Slices } from './slices.ts';

/**
 * How far a call got. `done`: it has proposed what it proposes and waits for its answer. `wait`: it depends on a record
 * that is not committed yet. `more`: it works in slices and wants the next one. A promise: the next one once fulfilled.
 */
export type Progress = 'done' | 'wait' | 'more' | Promise<void>;

/** One call of the write path. */
export interface WriteCall extends Waiter {
  /** What it counts for among the proposed bytes while it is queued. */
  readonly bytes: number;
  /** Evaluates and proposes, or goes on with it. */
  run(): Progress;
  /** Ends it without an effect; its caller may still be in the call that began it. */
  refuse(code: StoreErrorCode): void;
}

interface Queued {
  readonly call: WriteCall;
  readonly sinceMs: number;
}

/**
 * The order of writes. A call is evaluated at once, unless one before it must wait for a record to be committed, or is
 * so big that it is evaluated in slices: then all that come later queue behind it. So writes are evaluated in the order
 * in which they came, and everything evaluated sees all that was proposed before it.
 */
export class WriteQueue {
  readonly #writer: () => LogWriter;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #slices: Slices;
  readonly #limits: StoreLimits;
  readonly #queue: Queued[] = [];
  /** The first call of the queue is in the middle of its slices. */
  #inSlices = false;
  #drainScheduled = false;
  #queuedBytes = 0;
  #closed: StoreErrorCode | undefined;
  #whenEmpty: (() => void) | undefined;

  constructor(parts: {
    writer: () => LogWriter;
    clock: Clock;
    scheduler: Scheduler;
    slices: Slices;
    limits: StoreLimits;
  }) {
    this.#writer = parts.writer;
    this.#clock = parts.clock;
    this.#scheduler = parts.scheduler;
    this.#slices = parts.slices;
    this.#limits = parts.limits;
  }

  /** Bytes proposed or queued, and not yet committed. */
  get bytes(): number {
    return this.#queuedBytes + this.#writer().proposedBytes;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Why a new write must not even be looked at now; undefined: it may. */
  refusal(): StoreErrorCode | undefined {
    if (this.#closed !== undefined) return this.#closed;
    const writer = this.#writer();
    if (!writer.leading) return 'NoLeader';
    const doubt = writer.doubt;
    if (doubt !== undefined && this.#clock.nowMs() - doubt.sinceMs > this.#limits.doubtMsMax) {
      return isDiskFull(doubt.cause) ? 'NoSpace' : 'Timeout';
    }
    if (this.bytes > this.#limits.proposedBytesMax || this.#queue.length >= this.#limits.queuedCallsMax) {
      return 'TooManyRequests';
    }
    return undefined;
  }

  /** Evaluates the call now, or queues it. It must have been admitted. */
  submit(call: WriteCall): void {
    if (this.#queue.length === 0) {
      const progress = call.run();
      if (progress === 'done') return;
      this.#push(call);
      this.#proceed(progress);
      return;
    }
    this.#push(call);
  }

  /** A commit has been applied: what depended on its records may go on. */
  committed(): void {
    if (this.#queue.length === 0 || this.#inSlices || this.#drainScheduled) return;
    this.#drainScheduled = true;
    this.#scheduler.soon(() => {
      this.#drainScheduled = false;
      if (!this.#inSlices) this.#drain();
    });
  }

  /** Refuses what has been queued for too long. Nothing of it has been evaluated. */
  tick(): void {
    const oldest = this.#clock.nowMs() - this.#limits.requestTimeoutMs;
    while (this.#queue.length > 0 && !this.#inSlices && this.#queue[0]!.sinceMs < oldest) {
      this.#shift().refuse('Timeout');
    }
    this.#checkEmpty();
  }

  /** Refuses all that is queued and all that will come. */
  fail(code: StoreErrorCode): void {
    this.#closed = code;
    this.#inSlices = false;
    while (this.#queue.length > 0) this.#shift().refuse(code);
    this.#checkEmpty();
  }

  /** Refuses all that will come, and ends when what is queued has been evaluated. */
  close(): Promise<void> {
    this.#closed ??= 'Stopped';
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  #push(call: WriteCall): void {
    this.#queuedBytes += call.bytes;
    this.#queue.push({ call, sinceMs: this.#clock.nowMs() });
  }

  #shift(): WriteCall {
    const { call } = this.#queue.shift() as Queued;
    this.#queuedBytes -= call.bytes;
    return call;
  }

  /** Evaluates from the first call on until one cannot go on at once. */
  #drain(): void {
    let first = this.#queue[0];
    while (first !== undefined) {
      const progress = first.call.run();
      if (progress !== 'done') return this.#proceed(progress);
      this.#shift();
      first = this.#queue[0];
    }
    this.#checkEmpty();
  }

  /** The first call has not been done in one go. One that waits is tried again after the next commit. */
  #proceed(progress: Progress): void {
    if (progress === 'wait' || progress === 'done') return;
    this.#inSlices = true;
    const first = this.#queue[0] as Queued;
    const slice = (): boolean | Promise<void> => {
      // The queue may have been failed between two slices.
      if (this.#queue[0] !== first) return false;
      const next = first.call.run();
      if (next === 'more') return true;
      if (typeof next === 'object') return next;
      this.#inSlices = false;
      if (next === 'done') this.#shift();
      if (next === 'done') this.#drain();
      return false;
    };
    if (progress === 'more') this.#slices.add({ slice });
    else void progress.then(() => this.#slices.add({ slice }));
  }

  #checkEmpty(): void {
    if (this.#queue.length > 0) return;
    this.#whenEmpty?.();
    this.#whenEmpty = undefined;
  }
}

/** The engine's error (`no_space`), or what caused it, says that the disk is full. */
function isDiskFull(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (
      /ENOSPC|no_space|no space left|EDQUOT|quota exceeded/i.test(
        `${String((at as { code?: unknown }).code)} ${at.message}`,
      )
    )
      return true;
  }
  return false;
}

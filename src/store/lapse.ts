import type { Cancel, Clock, Scheduler } from '../base/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import type { StoreLimits } from './limits.ts';
import type { Done, KeepAliveResult } from './results.ts';

interface Waiting {
  readonly id: bigint;
  readonly done: Done<KeepAliveResult>;
  readonly untilMs: number;
}

/**
 * Keep-alives that came while the leader could not renew its own lease. They wait for that as reads and writes do: an error
 * would end the stream of every client that keeps a lease, for a store that was slow for a moment (etcd lets them wait too).
 */
export class Lapse {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #limits: Pick<StoreLimits, 'queuedCallsMax' | 'requestTimeoutMs'>;
  /** In the order in which they came, which is that of their ends. */
  #waiting: Waiting[] = [];
  #cancel: Cancel | undefined;

  constructor(parts: { clock: Clock; scheduler: Scheduler; limits: StoreLimits }) {
    this.#clock = parts.clock;
    this.#scheduler = parts.scheduler;
    this.#limits = parts.limits;
  }

  wait(id: bigint, done: Done<KeepAliveResult>): void {
    const { queuedCallsMax, requestTimeoutMs } = this.#limits;
    if (this.#waiting.length >= queuedCallsMax) return refuse(done, 'TooManyRequests');
    this.#waiting.push({ id, done, untilMs: this.#clock.nowMs() + requestTimeoutMs });
    this.#arm();
  }

  /** The lease has been renewed: `serve` answers all who wait. */
  over(serve: (id: bigint, done: Done<KeepAliveResult>) => void): void {
    for (const { id, done } of this.#take()) serve(id, done);
  }

  /** The epoch is over. */
  end(code: StoreErrorCode): void {
    for (const { done } of this.#take()) refuse(done, code);
  }

  #take(): readonly Waiting[] {
    this.#cancel?.();
    this.#cancel = undefined;
    return this.#waiting.splice(0);
  }

  #arm(): void {
    const first = this.#waiting[0];
    if (first === undefined || this.#cancel !== undefined) return;
    this.#cancel = this.#scheduler.after(Math.max(1, first.untilMs - this.#clock.nowMs()), () => {
      this.#cancel = undefined;
      const nowMs = this.#clock.nowMs();
      const late = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
      this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
      for (const { done } of late) refuse(done, 'Timeout');
      this.#arm();
    });
  }
}

function refuse(done: Done<KeepAliveResult>, code: StoreErrorCode): void {
  done(storeError(code), { revision: 0, ttl: 0 });
}

import { DueTimer } from '../base/index.ts';
import type { Clock, Scheduler } from '../base/index.ts';
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
  readonly #limits: Pick<StoreLimits, 'queuedCallsMax' | 'requestTimeoutMs'>;
  /** In the order in which they came, which is that of their ends. */
  #waiting: Waiting[] = [];
  readonly #timer: DueTimer;

  constructor({ clock, scheduler, limits }: { clock: Clock; scheduler: Scheduler; limits: StoreLimits }) {
    this.#clock = clock;
    this.#limits = limits;
    this.#timer = new DueTimer({
      ...{ clock, scheduler },
      firstDueMs: () => this.#waiting[0]?.untilMs,
      expire: (nowMs) => this.#expire(nowMs),
    });
  }

  wait(id: bigint, done: Done<KeepAliveResult>): void {
    const { queuedCallsMax, requestTimeoutMs } = this.#limits;
    if (this.#waiting.length >= queuedCallsMax) return refuse(done, 'TooManyRequests');
    this.#waiting.push({ id, done, untilMs: this.#clock.nowMs() + requestTimeoutMs });
    this.#timer.arm();
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
    this.#timer.stop();
    return this.#waiting.splice(0);
  }

  #expire(nowMs: number): void {
    const late = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
    for (const { done } of late) refuse(done, 'Timeout');
  }
}

function refuse(done: Done<KeepAliveResult>, code: StoreErrorCode): void {
  done(storeError(code), { revision: 0, ttl: 0 });
}

import type { Cancel, Clock, Scheduler } from './clock.ts';

export interface DueTimerParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** When the first of those who wait is due; undefined: nobody waits. */
  readonly firstDueMs: () => number | undefined;
  /** Ends the waiting of all who are due by now. */
  readonly expire: (nowMs: number) => void;
}

/** One timer for many who wait equally long, so that who came first is due first. */
export class DueTimer {
  readonly #parts: DueTimerParts;
  #cancel: Cancel | undefined;

  constructor(parts: DueTimerParts) {
    this.#parts = parts;
  }

  /** Somebody waits, maybe. Cheap while the timer runs. */
  arm(): void {
    if (this.#cancel !== undefined) return;
    const { clock, scheduler, firstDueMs, expire } = this.#parts;
    const dueMs = firstDueMs();
    if (dueMs === undefined) return;
    this.#cancel = scheduler.after(Math.max(1, dueMs - clock.nowMs()), () => {
      this.#cancel = undefined;
      expire(clock.nowMs());
      this.arm();
    });
  }

  /** Until it is armed again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

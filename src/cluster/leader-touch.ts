import type { Clock, Scheduler } from '../base/index.ts';

/** When this node heard of a leader last, and who is told when that is too long ago. */
export class LeaderTouch {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #silenceMsMax: number;
  readonly #listeners: (() => void)[] = [];
  #heardMs = -Infinity;
  #isArmed = false;

  constructor(clock: Clock, scheduler: Scheduler, silenceMsMax: number) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#silenceMsMax = silenceMsMax;
  }

  /** Whether a leader has been heard of lately. */
  get isFresh(): boolean {
    return this.#clock.nowMs() - this.#heardMs < this.#silenceMsMax;
  }

  heard(): void {
    this.#heardMs = this.#clock.nowMs();
    if (!this.#isArmed) this.#arm(this.#silenceMsMax);
  }

  /** `listener` runs each time a leader has not been heard of for too long. */
  onLost(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    this.#scheduler.after(delayMs, () => {
      this.#isArmed = false;
      const leftMs = this.#heardMs + this.#silenceMsMax - this.#clock.nowMs();
      if (leftMs > 0) this.#arm(leftMs);
      else for (const listener of this.#listeners) listener();
    });
  }
}

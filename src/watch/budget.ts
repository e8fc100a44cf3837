import type { Clock } from '../base/index.ts';

/** How many steps are taken between two looks at the clock. */
const STEPS_PER_LOOK = 16;

/** What one turn of the event loop may spend: so many milliseconds, and so many steps when the clock stands still. */
export class Budget {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #stepsMax: number;
  #deadlineMs = 0;
  #stepsLeft = 0;
  #isSpent = true;

  constructor(clock: Clock, sliceMs: number, stepsMax: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#stepsMax = stepsMax;
  }

  start(): void {
    this.#deadlineMs = this.#clock.nowMs() + this.#sliceMs;
    this.#stepsLeft = this.#stepsMax;
    this.#isSpent = false;
  }

  /** No bound, for the rare work that must be done before this turn ends. */
  startUnbounded(): void {
    this.#deadlineMs = Infinity;
    this.#stepsLeft = Infinity;
    this.#isSpent = false;
  }

  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Takes one step. True when it was the last one: save the place and return. */
  step(): boolean {
    const left = --this.#stepsLeft;
    if (left <= 0) this.#isSpent = true;
    else if (left % STEPS_PER_LOOK === 0 && this.#clock.nowMs() >= this.#deadlineMs) this.#isSpent = true;
    return this.#isSpent;
  }
}

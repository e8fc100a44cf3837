import type { Clock, Logger, Scheduler } from '../base/index.ts';

/** A slice of work lasts about this long at most, so that small requests are never stuck behind a long one. */
const SLICE_MS_MAX = 0.12;
/**
 * The clock is read once in so many units. A unit is about the work of visiting a key: 20 ns, or ten times that where
 * nothing of the key is in the processor's caches.
 */
const UNITS_PER_CLOCK_READ = 128;

/** Says when a slice is over. One is shared by all work, because only one slice runs at a time. */
export class Budget {
  readonly #clock: Clock;
  readonly #unitsMax: number;
  #units = 0;
  #sinceRead = 0;
  #endsMs = 0;
  #over = false;

  /** `unitsMax`: of work in a slice, where no clock moves inside a turn. */
  constructor(clock: Clock, unitsMax: number) {
    this.#clock = clock;
    this.#unitsMax = unitsMax;
  }

  /** A new slice begins. */
  start(): void {
    this.#units = 0;
    this.#sinceRead = 0;
    this.#over = false;
    this.#endsMs = this.#clock.nowMs() + SLICE_MS_MAX;
  }

  /** `units` have been worked off. True: the slice is over. */
  spend(units: number): boolean {
    if (this.#over) return true;
    this.#units += units;
    this.#sinceRead += units;
    if (this.#units >= this.#unitsMax) this.#over = true;
    else if (this.#sinceRead >= UNITS_PER_CLOCK_READ) {
      this.#sinceRead = 0;
      this.#over = this.#clock.nowMs() >= this.#endsMs;
    }
    return this.#over;
  }
}

/**
 * Work that takes many slices: yields at the end of each, or a promise that must be fulfilled before it can go on (and
 * that never rejects).
 */
export type Steps<T> = Generator<Promise<void> | undefined, T>;

interface Job {
  /** One slice. False: it has ended. A promise: go on when it is fulfilled. */
  slice(): boolean | Promise<void>;
}

/**
 * Runs long work beside everything else: one slice of one job in each turn of the event loop, jobs in turn. However many
 * lists are under way, a small request waits for one slice.
 */
export class Slices {
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly budget: Budget;
  readonly #jobs: Job[] = [];
  #scheduled = false;

  constructor(parts: { clock: Clock; scheduler: Scheduler; logger: Logger; unitsMax: number }) {
    this.#scheduler = parts.scheduler;
    this.#logger = parts.logger;
    this.budget = new Budget(parts.clock, parts.unitsMax);
  }

  /** Jobs that have work to do now. */
  get length(): number {
    return this.#jobs.length;
  }

  /** Adds a job behind the others. `slice` is called once a turn until it returns false. */
  add(job: Job): void {
    this.#jobs.push(job);
    this.#schedule();
  }

  /**
   * Runs `steps` to their end: the first slice at once, the others later. Returns the result when the first slice was
   * enough; else undefined, and `ended` is called with it later. `suspended` is called once, before the first wait; when
   * it returns false the work is given up.
   */
  run<T>(
    steps: Steps<T>,
    suspended: () => boolean,
    ended: (value: T) => void,
  ): IteratorReturnResult<T> | undefined {
    this.budget.start();
    const first = steps.next();
    if (first.done === true) return first;
    if (!suspended()) {
      steps.return(undefined as T);
      return undefined;
    }
    const job: Job = {
      slice: () => {
        const next = steps.next();
        if (next.done === true) {
          ended(next.value);
          return false;
        }
        return next.value ?? true;
      },
    };
    if (first.value === undefined) this.add(job);
    else this.#resumeAfter(first.value, job);
    return undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#jobs.length === 0) return;
    this.#scheduled = true;
    this.#scheduler.soon(() => {
      this.#scheduled = false;
      const job = this.#jobs.shift();
      if (job !== undefined) this.#slice(job);
      this.#schedule();
    });
  }

  #slice(job: Job): void {
    this.budget.start();
    const more = job.slice();
    if (more === true) this.#jobs.push(job);
    else if (more !== false) this.#resumeAfter(more, job);
  }

  #resumeAfter(promise: Promise<void>, job: Job): void {
    promise.then(
      () => this.add(job),
      (error: unknown) => {
        this.#logger.error('long work ended by a fault', { error: String(error) });
        throw error;
      },
    );
  }
}

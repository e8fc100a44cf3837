import type { Cancel, Logger, Scheduler } from '../base/index.ts';
import type { Cleaner } from '../log/index.ts';
import type { Pins } from './pins.ts';
import type { Slices } from './slices.ts';
import type { State } from './state.ts';

/** Units of the index between two looks at the clock. */
const UNITS_PER_STEP = 64;
const TICK_MS = 1000;

/**
 * The work that nobody waits for: trimming the index after a compaction, moving live values out of mostly empty
 * segments, cleaning the log. Small steps, one kind of each at a time, beside everything else.
 */
export class Housekeeping {
  readonly #state: State;
  readonly #slices: Slices;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #pins: Pins;
  /** Undefined where this node does not lead: the log is the leader's to clean. */
  readonly #cleaner: () => Cleaner | undefined;
  #trimming = false;
  #moving = false;
  #cleaning: Promise<void> | undefined;
  #cleanAgain = false;
  #running = false;
  #cancelTick: Cancel = () => undefined;
  #whenCleaned: (() => void)[] = [];

  constructor(parts: {
    state: State;
    slices: Slices;
    scheduler: Scheduler;
    logger: Logger;
    pins: Pins;
    cleaner: () => Cleaner | undefined;
  }) {
    this.#state = parts.state;
    this.#slices = parts.slices;
    this.#scheduler = parts.scheduler;
    this.#logger = parts.logger;
    this.#pins = parts.pins;
    this.#cleaner = parts.cleaner;
  }

  start(): void {
    this.#running = true;
    this.compacted();
    this.#arm();
  }

  /** Ends all of it; resolves when no step is under way any more. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#cleanAgain = false;
    this.#cancelTick();
    await this.#cleaning;
    this.#tellCleaned();
  }

  /** A compaction has been applied: there is work. */
  compacted(): void {
    this.#trim();
    this.#clean();
  }

  /** A walk pinned at this revision has ended. */
  released(revision: number): void {
    if (revision < this.#state.compacted) this.#trim();
  }

  /** Runs `run` when everything up to the present compaction has been trimmed and cleaned. */
  whenCleaned(run: () => void): void {
    if (!this.#running) return run();
    this.#whenCleaned.push(run);
    this.compacted();
  }

  #arm(): void {
    this.#cancelTick = this.#scheduler.after(TICK_MS, () => {
      this.compacted();
      this.#move();
      this.#arm();
    });
  }

  #trim(): void {
    if (this.#trimming || !this.#running) return;
    this.#trimming = true;
    this.#slices.add({
      slice: () => {
        if (this.#hasMore((units) => this.#state.index.trimStep(units))) return true;
        this.#trimming = false;
        // Only what has been trimmed is known to be dead.
        this.#clean();
        return false;
      },
    });
  }

  #move(): void {
    if (this.#moving || !this.#running) return;
    this.#moving = true;
    this.#slices.add({
      slice: () => {
        const { index, revision } = this.#state;
        if (this.#hasMore((units) => index.evacuateStep(units, revision))) return true;
        this.#moving = false;
        return false;
      },
    });
  }

  /** Takes small steps until the slice is over, or there is nothing more to do. */
  #hasMore(step: (unitsMax: number) => boolean): boolean {
    const { budget } = this.#slices;
    while (this.#running && step(UNITS_PER_STEP)) if (budget.spend(UNITS_PER_STEP)) return true;
    return false;
  }

  #clean(): void {
    if (!this.#running) {
      this.#cleanAgain = false;
      return;
    }
    this.#cleanAgain = true;
    this.#cleaning ??= this.#cleanUntilIdle().finally(() => {
      this.#cleaning = undefined;
      // A compaction may have come while the last step ended.
      if (this.#cleanAgain) this.#clean();
      else this.#checkCleaned();
    });
  }

  async #cleanUntilIdle(): Promise<void> {
    while (this.#running && this.#cleanAgain) {
      this.#cleanAgain = false;
      try {
        while (this.#running && (await this.#cleaner()?.step()) === 'worked') {
          await new Promise<void>((resolve) => this.#scheduler.soon(resolve));
        }
      } catch (error) {
        // The log is untouched by a step that fails; the next tick tries again.
        this.#logger.warn('cleaning the log failed, it is tried again', { error: String(error) });
        this.#cleanAgain = false;
      }
    }
  }

  /** A pinned walk holds trimming back, but what it holds is not what a physical compaction waits for. */
  #checkCleaned(): void {
    const trimmed = !this.#trimming || this.#pins.count > 0;
    if (trimmed && this.#cleaning === undefined) this.#tellCleaned();
  }

  #tellCleaned(): void {
    for (const run of this.#whenCleaned.splice(0)) run();
  }
}

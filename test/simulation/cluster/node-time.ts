import type { Clock, Scheduler } from '../../../src/base/index.ts';
import type { World } from '../world.ts';

/** A node's own time: it runs fast or slow, and may jump ahead; never back. */
export class NodeTime implements Clock {
  readonly scheduler: Scheduler;
  readonly #world: World;
  #rate: number;
  #sinceWorldMs: number;
  #baseMs: number;

  constructor(world: World, owner: string, options: { readonly rate: number; readonly offsetMs: number }) {
    this.#world = world;
    this.#rate = options.rate;
    this.#sinceWorldMs = world.nowMs();
    this.#baseMs = options.offsetMs;
    const inner = world.schedulerOf(owner);
    this.scheduler = {
      soon: inner.soon,
      after: (delayMs, run) => inner.after(delayMs / this.#rate, run),
    };
  }

  nowMs(): number {
    return this.#baseMs + (this.#world.nowMs() - this.#sinceWorldMs) * this.#rate;
  }

  /** How much faster than time it runs. */
  get rate(): number {
    return this.#rate;
  }

  setRate(rate: number): void {
    this.#baseMs = this.nowMs();
    this.#sinceWorldMs = this.#world.nowMs();
    this.#rate = rate;
  }

  jump(aheadMs: number): void {
    this.#baseMs += aheadMs;
  }
}

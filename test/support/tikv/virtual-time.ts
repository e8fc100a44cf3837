import type { Cancel, Clock, Scheduler } from '../../../src/base/index.ts';

/** Time that passes only when nothing else is left to do: waits of minutes take no time, and are exact. */
export class VirtualTime implements Clock, Scheduler {
  #nowMs = 1000;
  #timers: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Timers that are set and not cancelled. */
  get timerCount(): number {
    return this.#timers.length;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets time pass until `work` has settled. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    work.then(settle, settle);
    for (;;) {
      await turn();
      if (isSettled) return work;
      if (!this.#step()) throw new Error('It waits for something that is not a matter of time');
    }
  }

  /** Lets so much time pass. */
  advance(ms: number): Promise<void> {
    return this.run(this.sleep(ms));
  }

  /** Runs the next timer. False if there is none. */
  #step(): boolean {
    let next = this.#timers[0];
    if (next === undefined) return false;
    for (const timer of this.#timers) if (timer.atMs < next.atMs) next = timer;
    this.#timers = this.#timers.filter((other) => other !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
    return true;
  }
}

/** All that can go on without time. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

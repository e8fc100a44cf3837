import { silentLogger, type Cancel, type Logger, type Random } from '../../../src/base/index.ts';
import { NodeClock, NodeRandom, NodeScheduler } from '../../../src/cli/runtime.ts';
import type { TikvEnvironment } from '../../../src/tikv/environment.ts';

/** The real time and chance of the process; a test can let the clock jump and see which timers are left. */
export class TestEnvironment implements TikvEnvironment {
  readonly clock: { nowMs(): number };
  readonly scheduler: { soon(run: () => void): void; after(delayMs: number, run: () => void): Cancel };
  readonly random: Random = new NodeRandom();
  readonly logger: Logger = silentLogger;
  readonly #timers = new Set<{ readonly dueMs: number; readonly expire: () => void }>();
  #jumpedMs = 0;

  /** @param isStill its time goes on only where a test says so */
  constructor({ isStill = false } = {}) {
    const clock = isStill ? { nowMs: () => 0 } : new NodeClock();
    const scheduler = new NodeScheduler();
    const timers = this.#timers;
    this.clock = { nowMs: () => clock.nowMs() + this.#jumpedMs };
    const nowMs = (): number => this.clock.nowMs();
    this.scheduler = {
      soon: (run) => scheduler.soon(run),
      after(delayMs, run) {
        const dueMs = nowMs() + delayMs;
        const due = (): void => {
          timers.delete(timer);
          run();
        };
        const cancel = isStill ? () => undefined : scheduler.after(delayMs, due);
        const stop = (): void => {
          timers.delete(timer);
          cancel();
        };
        const expire = (): void => {
          stop();
          run();
        };
        const timer = { dueMs, expire };
        timers.add(timer);
        return stop;
      },
    };
  }

  /** Timers that have neither run nor been cancelled. */
  get timers(): number {
    return this.#timers.size;
  }

  /** The time of all timers has come. */
  expire(): void {
    for (const { expire } of [...this.#timers]) expire();
  }

  /** So much time passes: timers run whose time has come. */
  pass(ms: number): void {
    this.#jumpedMs += ms;
    const nowMs = this.clock.nowMs();
    for (const { dueMs, expire } of [...this.#timers]) if (dueMs <= nowMs) expire();
  }

  /** As after a pause of the process: timers run when they would have, the clock has gone on. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}

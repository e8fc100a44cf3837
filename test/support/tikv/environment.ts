import { silentLogger, type Cancel, type Logger, type Random } from '../../../src/base/index.ts';
import { NodeClock, NodeRandom, NodeScheduler } from '../../../src/cli/runtime.ts';
import type { TikvEnvironment } from '../../../src/tikv/environment.ts';

/** The real time and chance of the process; a test can let the clock jump and see which timers are left. */
export class TestEnvironment implements TikvEnvironment {
  readonly clock: { nowMs(): number };
  readonly scheduler: { soon(run: () => void): void; after(delayMs: number, run: () => void): Cancel };
  readonly random: Random = new NodeRandom();
  readonly logger: Logger = silentLogger;
  readonly #timers = new Set<{ readonly expire: () => void }>();
  #jumpedMs = 0;

  constructor() {
    const clock = new NodeClock();
    const scheduler = new NodeScheduler();
    const timers = this.#timers;
    this.clock = { nowMs: () => clock.nowMs() + this.#jumpedMs };
    this.scheduler = {
      soon: (run) => scheduler.soon(run),
      after(delayMs, run) {
        const cancel = scheduler.after(delayMs, () => {
          timers.delete(timer);
          run();
        });
        const stop = (): void => {
          timers.delete(timer);
          cancel();
        };
        const expire = (): void => {
          stop();
          run();
        };
        const timer = { expire };
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

  /** As after a pause of the process: timers run when they would have, the clock has gone on. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}

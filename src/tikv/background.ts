import type { Logger } from '../base/index.ts';
import { TikvError } from './errors.ts';

/** Tasks that run at once; more wait. */
const RUNNING_MAX = 16;
/** Tasks that wait; more are not begun. */
const WAITING_MAX = 1024;

interface Task {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/**
 * Work that nobody waits for, but that a close does: committing secondaries, removing locks.
 *
 * Losing a task costs no correctness, only the time of whoever meets the lock that it would have removed; so what fails
 * is logged and forgotten, and beyond `WAITING_MAX` a task is dropped.
 */
export class Background {
  readonly #logger: Logger;
  readonly #waiting: Task[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  #running = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Tasks that run or wait. */
  get size(): number {
    return this.#running + this.#waiting.length;
  }

  /** Begins `run` now or once there is room. */
  start(name: string, run: () => Promise<void>): void {
    if (this.#running < RUNNING_MAX) void this.#work({ name, run });
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ name, run });
    else this.#logger.warn('Too much background work: a task was dropped', { task: name });
  }

  /** Resolves once nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idleWaiters.push(resolve);
      });
    }
  }

  async #work(first: Task): Promise<void> {
    this.#running++;
    let task: Task | undefined = first;
    while (task !== undefined) {
      try {
        await task.run();
      } catch (error) {
        const isClosing = error instanceof TikvError && error.code === 'closed';
        if (!isClosing) this.#logger.warn('Background work failed', { task: task.name, error });
      }
      task = this.#waiting.shift();
    }
    this.#running--;
    if (this.#running === 0) {
      for (const wake of this.#idleWaiters.splice(0)) wake();
    }
  }
}

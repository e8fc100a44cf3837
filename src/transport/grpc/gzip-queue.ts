/** What is done off the event loop at a time: the system's few threads also write to the disk. */
const runningMax = 2;

type Start = (done: () => void) => void;

interface Waiting {
  readonly start: Start;
  next: Waiting | undefined;
}

/** Lets long messages be inflated and deflated a few at a time, in the order in which they came. */
export class GzipQueue {
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #running = 0;
  #isStarting = false;

  /** Calls `start` when its turn comes, perhaps at once. It calls `done` once, perhaps at once. */
  run(start: Start): void {
    const waiting: Waiting = { start, next: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
    this.#startSome();
  }

  #startSome(): void {
    // Not from within: a thousand that are done at once would be a thousand calls deep.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#running < runningMax && this.#first !== undefined) {
      const { start, next } = this.#first;
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      this.#running++;
      start(() => {
        this.#running--;
        this.#startSome();
      });
    }
    this.#isStarting = false;
  }
}

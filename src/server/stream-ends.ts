/**
 * Tells the calls that would go on for ever that something ends them. There may be one listener for each of many thousand
 * streams, which come and go: an AbortSignal takes longer to remove one the more there are, and warns of them.
 */
export class StreamEnds {
  readonly #listeners = new Set<() => void>();

  /** How many would be told. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Runs `run` when the streams are ended, unless it is removed before. */
  add(run: () => void): void {
    this.#listeners.add(run);
  }

  remove(run: () => void): void {
    this.#listeners.delete(run);
  }

  /** Runs every listener that is there, each once. */
  endAll(): void {
    for (const run of this.#listeners) {
      this.#listeners.delete(run);
      run();
    }
  }
}

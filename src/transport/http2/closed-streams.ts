/** Streams that both sides have ended, remembered to tell a late frame from one with a wrong id. */
const ENDED_MAX = 64;
/** Streams that we reset: what the client had sent before it knew is ignored. */
const RESET_MAX = 1024;

/**
 * What is left of closed streams, to judge frames that still come: RFC 9113, section 5.1, "closed". Streams that have
 * been forgotten are judged like ended ones, more mildly.
 */
export class ClosedStreams {
  readonly #ended = new Int32Array(ENDED_MAX);
  #endedNext = 0;
  /** In the order in which they were reset. */
  #reset: Set<number> | undefined;

  ended(id: number): void {
    this.#ended[this.#endedNext] = id;
    this.#endedNext = (this.#endedNext + 1) & (ENDED_MAX - 1);
  }

  reset(id: number): void {
    const reset = (this.#reset ??= new Set());
    reset.add(id);
    if (reset.size <= RESET_MAX) return;
    for (const oldest of reset) {
      reset.delete(oldest);
      return;
    }
  }

  hasEnded(id: number): boolean {
    return this.#ended.includes(id);
  }

  wasReset(id: number): boolean {
    return this.#reset?.has(id) ?? false;
  }
}

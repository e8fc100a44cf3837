/** A request whose end has not come. */
export interface Receiving {
  /** Another while has passed. After `ticksMax` of them in which the client only had to send, its time is over. */
  tick(ticksMax: number): void;
}

/** Looks after requests that have not come whole, so that a client that is slow with one does not keep it for ever. */
export class SlowSenders {
  readonly #checkMs: number;
  readonly #ticksMax: number;
  readonly #receiving = new Set<Receiving>();
  #timer: NodeJS.Timeout | undefined;

  /** `requestMsMax` is how long a client may take, looked at every `checkMs`. */
  constructor({ requestMsMax, checkMs }: { readonly requestMsMax: number; readonly checkMs: number }) {
    this.#checkMs = checkMs;
    // The first tick may come at once.
    this.#ticksMax = Math.ceil(requestMsMax / checkMs) + 1;
  }

  add(request: Receiving): void {
    this.#receiving.add(request);
    this.#schedule();
  }

  delete(request: Receiving): void {
    this.#receiving.delete(request);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#receiving.clear();
  }

  /** A tick that comes late, after the process was stopped for a while, counts as one: nobody could send meanwhile. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#receiving.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const request of this.#receiving) request.tick(this.#ticksMax);
      this.#schedule();
    }, this.#checkMs);
    this.#timer.unref();
  }
}

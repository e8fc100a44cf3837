/**
 * How much memory the beginnings of messages may take, on all connections of a server together: a client may send most of
 * a message on each of thousands of streams, and stop.
 *
 * When all together take too much, only those connections may still grow that take less than their share. So whoever
 * holds much is refused, others are served, and all together never take more than twice the limit.
 */
export class MessageBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  /** What each connection takes, by the address of its client, while it takes something. */
  readonly #byPeer = new Map<string, number>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is taken now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes so many bytes more for a connection. False: there is no room for them, and nothing was taken. */
  take(peer: string, bytes: number): boolean {
    const known = this.#byPeer.get(peer);
    const own = (known ?? 0) + bytes;
    if (this.#bytes + bytes > this.#bytesMax) {
      const connections = this.#byPeer.size + (known === undefined ? 1 : 0);
      if (own > this.#bytesMax / connections) return false;
    }
    this.#bytes += bytes;
    this.#byPeer.set(peer, own);
    return true;
  }

  /** Gives back what `take` took. */
  give(peer: string, bytes: number): void {
    const rest = (this.#byPeer.get(peer) ?? 0) - bytes;
    this.#bytes -= bytes;
    if (rest > 0) this.#byPeer.set(peer, rest);
    else this.#byPeer.delete(peer);
  }
}

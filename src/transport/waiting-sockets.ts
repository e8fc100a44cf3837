import type { Socket } from 'node:net';

/** Why a socket is given up: it was silent for too long, or it made room for others. */
export type GivenUp = 'timeout' | 'overflow';

export interface WaitingSocketsOptions {
  /** How many may wait at a time. With one more, the one that has waited longest is given up. */
  readonly socketsMax: number;
  readonly timeoutMs: number;
  /** Told just before the socket is destroyed. */
  readonly onGivenUp: (socket: Socket, why: GivenUp) => void;
}

/**
 * Connections of which the client has to say something before they are worth anything: the first bytes, or its part of
 * a handshake. They are bounded in number and time. Who connects and says nothing loses against who says something, so
 * that a flood of silent connections keeps nobody out.
 */
export class WaitingSockets {
  readonly #options: WaitingSocketsOptions;
  /** Oldest first: a Map keeps the order in which its entries were added. */
  readonly #timers = new Map<Socket, NodeJS.Timeout>();

  constructor(options: WaitingSocketsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** From now on the socket has `timeoutMs`; `remove` ends that, and so does its end. */
  add(socket: Socket): void {
    if (this.#timers.size >= this.#options.socketsMax) {
      for (const oldest of this.#timers.keys()) {
        this.#giveUp(oldest, 'overflow');
        break;
      }
    }
    const timer = setTimeout(() => this.#giveUp(socket, 'timeout'), this.#options.timeoutMs);
    timer.unref();
    this.#timers.set(socket, timer);
  }

  /** False if the socket does not wait (any more). */
  remove(socket: Socket): boolean {
    clearTimeout(this.#timers.get(socket));
    return this.#timers.delete(socket);
  }

  #giveUp(socket: Socket, why: GivenUp): void {
    this.remove(socket);
    this.#options.onGivenUp(socket, why);
    socket.destroy();
  }
}

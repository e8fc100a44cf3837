import type { Hold, StoreApi } from '../store/index.ts';
import type { ByteSource, Message } from '../transport/index.ts';
import type { LongMessage } from '../wire/index.ts';

/** An encoded answer as it is sent: while a long one is under way, the store knows what it refers to. */
export function heldMessage(store: StoreApi, message: Buffer | LongMessage): Message {
  return Buffer.isBuffer(message) ? message : new HeldMessage(message, store.hold(message));
}

class HeldMessage implements ByteSource {
  readonly length: number;
  readonly #message: LongMessage;
  readonly #hold: Hold;

  constructor(message: LongMessage, hold: Hold) {
    this.length = message.length;
    this.#message = message;
    this.#hold = hold;
  }

  get isOverdue(): boolean {
    return this.#hold.isOverdue();
  }

  read(target: Uint8Array, start: number, end: number): void {
    this.#message.read(target, start, end);
  }

  close(): void {
    this.#message.close();
    this.#hold.release();
  }
}

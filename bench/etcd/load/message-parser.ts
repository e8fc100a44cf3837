import { MESSAGE_HEAD_BYTES, NOTHING } from '../../../test/support/frames.ts';

/** Where a message lies: valid during the call. */
export type MessageListener = (bytes: Buffer, start: number, end: number) => void;

/** Finds the messages in a stream's body. Those that came whole are handed out where they are, others put together. */
export class MessageParser {
  readonly #listener: MessageListener;
  /** The beginning of a message whose rest has not come, with its five bytes. */
  #partial: Buffer = NOTHING;
  #partialBytes = 0;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  data(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#partialBytes > 0 || end - at < MESSAGE_HEAD_BYTES) {
        at = this.#collect(bytes, at, end);
        continue;
      }
      const next = at + MESSAGE_HEAD_BYTES + bytes.readUInt32BE(at + 1);
      if (next > end) at = this.#collect(bytes, at, end);
      else {
        this.#listener(bytes, at + MESSAGE_HEAD_BYTES, next);
        at = next;
      }
    }
  }

  #collect(bytes: Buffer, at: number, end: number): number {
    const have = this.#partialBytes;
    const isHead = have < MESSAGE_HEAD_BYTES;
    const wanted = isHead ? MESSAGE_HEAD_BYTES : this.#wholeBytes();
    const next = Math.min(end, at + wanted - have);
    this.#reserve(wanted);
    bytes.copy(this.#partial, have, at, next);
    this.#partialBytes = have + next - at;
    // A message may be empty: its five bytes are all of it.
    if (this.#partialBytes >= MESSAGE_HEAD_BYTES && this.#partialBytes === this.#wholeBytes()) {
      this.#partialBytes = 0;
      this.#listener(this.#partial, MESSAGE_HEAD_BYTES, MESSAGE_HEAD_BYTES + this.#partial.readUInt32BE(1));
    }
    return next;
  }

  #wholeBytes(): number {
    return MESSAGE_HEAD_BYTES + this.#partial.readUInt32BE(1);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#partial.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#partial.length));
    this.#partial.copy(larger, 0, 0, this.#partialBytes);
    this.#partial = larger;
  }
}

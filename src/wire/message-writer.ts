import { assert, type ByteRuns } from '../base/index.ts';
import { LongMessage, type MessagePart } from './long-message.ts';
import { copyInto, messageFieldSize, varintSize, writeFrame } from './writer.ts';

/** A message up to this size is made at once, as one buffer. */
export const SHORT_MESSAGE_BYTES_MAX = 8 * 1024;
/** What is not of runs in a long message is written into buffers of this size. */
const BUFFER_BYTES = 512;
/** As many runs as a processor fetches at once. */
const TOUCHED_RUNS = 16;

/**
 * Builds a message of known size: a short one is written at once, of a long one only what is not key-values. They are
 * referred to, and must not change until it is sent.
 */
export class MessageWriter {
  /** Where the next bytes go, at `offset`, after `reserve` made room for them. */
  target: Buffer;
  offset = 0;
  readonly #parts: MessagePart[] = [];
  readonly #size: number;
  readonly #isShort: boolean;
  #start = 0;
  #partBytes = 0;

  constructor(size: number) {
    this.#size = size;
    this.#isShort = size <= SHORT_MESSAGE_BYTES_MAX;
    this.target = Buffer.allocUnsafe(this.#isShort ? size : BUFFER_BYTES);
  }

  /** Makes room for `count` bytes in one piece. */
  reserve(count: number): void {
    if (this.offset + count <= this.target.length) return;
    this.#cut();
    this.target = Buffer.allocUnsafe(Math.max(count, BUFFER_BYTES));
    this.offset = 0;
    this.#start = 0;
  }

  /** Writes tag and length of a nested message. */
  frame(tag: number, length: number): void {
    this.reserve(1 + varintSize(length));
    this.offset = writeFrame(this.target, this.offset, tag, length);
  }

  /** Every run as a nested message of field `tag`. */
  kvFields(tag: number, runs: ByteRuns): void {
    const { count } = runs;
    if (!this.#isShort) {
      if (count > 0) this.#refer({ tag, runs }, kvFieldsSize(runs));
      return;
    }
    for (let i = 0; i < count; i++) {
      if (i % TOUCHED_RUNS === 0) runs.touch(i, Math.min(i + TOUCHED_RUNS, count));
      const length = runs.length(i);
      const start = writeFrame(this.target, this.offset, tag, length);
      this.offset = copyInto(this.target, start, runs.buffer(i), runs.offset(i), length);
    }
  }

  /** One nested message of field `tag`. */
  body(tag: number, bytes: Uint8Array): void {
    if (this.#isShort || bytes.length <= BUFFER_BYTES) {
      this.reserve(messageFieldSize(bytes.length));
      const start = writeFrame(this.target, this.offset, tag, bytes.length);
      this.offset = copyInto(this.target, start, bytes, 0, bytes.length);
      return;
    }
    this.frame(tag, bytes.length);
    this.#refer(bytes, bytes.length);
  }

  finish(): Buffer | LongMessage {
    if (this.#isShort) {
      assert(this.offset === this.#size, 'an encoded message has the size computed for it');
      return this.target;
    }
    this.#cut();
    assert(this.#partBytes === this.#size, 'an encoded message has the size computed for it');
    return new LongMessage(this.#parts, this.#size);
  }

  #refer(part: MessagePart, bytes: number): void {
    this.#cut();
    this.#parts.push(part);
    this.#partBytes += bytes;
  }

  /** Ends the part being written. */
  #cut(): void {
    if (this.offset === this.#start) return;
    this.#parts.push(this.target.subarray(this.#start, this.offset));
    this.#partBytes += this.offset - this.#start;
    this.#start = this.offset;
  }
}

/** Size of the runs as nested messages of one repeated field. */
export function kvFieldsSize(runs: ByteRuns): number {
  return runs.totalBytes + runs.varintBytes + runs.count;
}

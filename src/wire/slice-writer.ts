import { assert, type ByteRuns } from '../base/index.ts';
import { copyInto, messageFieldSize, varintSize, writeFrame } from './writer.ts';

/** A message up to this size becomes one buffer. */
export const SINGLE_BUFFER_BYTES_MAX = 8 * 1024;
/** Key-values up to this size are copied next to their frames even in a large message: a view would cost as much. */
const COPIED_BODY_BYTES_MAX = 1024;
const BUFFER_BYTES_MAX = 64 * 1024;
/** As many runs as a processor fetches at once. */
const TOUCHED_RUNS = 16;

/**
 * Builds a message of known size as slices: small parts are written into buffers of its own, large key-values are handed
 * out as views of where they lie. The slices together are exactly `size` bytes.
 */
export class SliceWriter {
  /** Where the next bytes go, at `offset`, after `reserve` made room for them. */
  target: Buffer;
  offset = 0;
  readonly #slices: Uint8Array[] = [];
  readonly #size: number;
  readonly #copiedMax: number;
  #start = 0;
  #sliced = 0;

  constructor(size: number) {
    this.#size = size;
    this.#copiedMax = size <= SINGLE_BUFFER_BYTES_MAX ? size : COPIED_BODY_BYTES_MAX;
    this.target = Buffer.allocUnsafe(Math.min(size, BUFFER_BYTES_MAX));
  }

  /** Makes room for `count` bytes in one piece. */
  reserve(count: number): void {
    if (this.offset + count <= this.target.length) return;
    this.#cut();
    const rest = this.#size - this.#sliced;
    this.target = Buffer.allocUnsafe(Math.max(count, Math.min(rest, BUFFER_BYTES_MAX)));
    this.offset = 0;
    this.#start = 0;
  }

  /** Writes tag and length of a nested message. */
  frame(tag: number, length: number): void {
    this.reserve(1 + varintSize(length));
    this.offset = writeFrame(this.target, this.offset, tag, length);
  }

  /** Writes every run as a nested message of field `tag`. */
  kvFields(tag: number, runs: ByteRuns): void {
    const count = runs.count;
    for (let i = 0; i < count; i++) {
      if (i % TOUCHED_RUNS === 0) runs.touch(i, Math.min(i + TOUCHED_RUNS, count));
      const length = runs.length(i);
      if (length <= this.#copiedMax) this.#copy(tag, runs.buffer(i), runs.offset(i), length);
      else this.#refer(tag, runs.run(i));
    }
  }

  /** Writes one nested message of field `tag`. */
  body(tag: number, bytes: Uint8Array): void {
    if (bytes.length <= this.#copiedMax) this.#copy(tag, bytes, 0, bytes.length);
    else this.#refer(tag, bytes);
  }

  #copy(tag: number, buffer: Uint8Array, offset: number, length: number): void {
    this.reserve(messageFieldSize(length));
    const start = writeFrame(this.target, this.offset, tag, length);
    this.offset = copyInto(this.target, start, buffer, offset, length);
  }

  #refer(tag: number, bytes: Uint8Array): void {
    this.frame(tag, bytes.length);
    this.#cut();
    this.#slices.push(bytes);
    this.#sliced += bytes.length;
  }

  finish(): Uint8Array[] {
    this.#cut();
    assert(this.#sliced === this.#size, 'an encoded message has the size computed for it');
    return this.#slices;
  }

  /** Ends the slice being written. */
  #cut(): void {
    if (this.offset === this.#start) return;
    const whole = this.#start === 0 && this.offset === this.target.length;
    this.#slices.push(whole ? this.target : this.target.subarray(this.#start, this.offset));
    this.#sliced += this.offset - this.#start;
    this.#start = this.offset;
  }
}

/** Size of the runs as nested messages of one repeated field. */
export function kvFieldsSize(runs: ByteRuns): number {
  const count = runs.count;
  let size = runs.totalBytes + count;
  for (let i = 0; i < count; i++) size += varintSize(runs.length(i));
  return size;
}

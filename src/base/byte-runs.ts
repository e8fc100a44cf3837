import { EMPTY_BYTES } from './bytes.ts';

/** The most common answer is one run or none: that costs no array. */
const NO_NUMBERS = new Uint32Array(0);
const GROWN_MIN = 16;

/**
 * A growable list of runs of bytes, each inside some larger buffer: what a list of keys is answered with. It holds
 * pointers, not copies, and keeps the buffers alive that it points into.
 */
export class ByteRuns {
  /** What `touch` has read. Nobody looks at it: it is kept so that no compiler leaves the reading out. */
  touched = 0;
  #first: Uint8Array = EMPTY_BYTES;
  #firstOffset = 0;
  #firstLength = 0;
  /** The runs behind the first. */
  readonly #buffers: Uint8Array[] = [];
  #offsets = NO_NUMBERS;
  #lengths = NO_NUMBERS;
  #count = 0;
  #totalBytes = 0;

  /** How many runs there are. */
  get count(): number {
    return this.#count;
  }

  /** The lengths of all runs together. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  push(buffer: Uint8Array, offset: number, length: number): void {
    const at = this.#count++ - 1;
    this.#totalBytes += length;
    if (at < 0) {
      this.#first = buffer;
      this.#firstOffset = offset;
      this.#firstLength = length;
      return;
    }
    if (at === this.#offsets.length) this.#grow();
    this.#buffers.push(buffer);
    this.#offsets[at] = offset;
    this.#lengths[at] = length;
  }

  /** Forgets the runs from `count` on. */
  truncate(count: number): void {
    while (this.#count > count) {
      this.#totalBytes -= this.length(--this.#count);
      if (this.#count > 0) this.#buffers.pop();
      else this.#first = EMPTY_BYTES;
    }
  }

  /** The buffer that run `at` lies in. */
  buffer(at: number): Uint8Array {
    return at === 0 ? this.#first : this.#buffers[at - 1]!;
  }

  offset(at: number): number {
    return at === 0 ? this.#firstOffset : this.#offsets[at - 1]!;
  }

  length(at: number): number {
    return at === 0 ? this.#firstLength : this.#lengths[at - 1]!;
  }

  /** Run `at` as a view. */
  run(at: number): Uint8Array {
    const offset = this.offset(at);
    return this.buffer(at).subarray(offset, offset + this.length(at));
  }

  /**
   * Reads a byte of each of the runs [from, to). Runs lie anywhere in memory, and the processor fetches what it is not
   * waiting for all at once: copied one by one afterwards, they are there. Saves a third of the time of a long list.
   */
  touch(from: number, to: number): void {
    let touched = 0;
    for (let at = from; at < to; at++) touched ^= this.buffer(at)[this.offset(at)]!;
    this.touched = touched;
  }

  #grow(): void {
    const length = Math.max(GROWN_MIN, this.#offsets.length * 2);
    const offsets = new Uint32Array(length);
    const lengths = new Uint32Array(length);
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    this.#offsets = offsets;
    this.#lengths = lengths;
  }
}

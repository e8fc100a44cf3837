import { EMPTY_BYTES } from './bytes.ts';

const BLOCK_SHIFT = 12;
const BLOCK_RUNS = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_RUNS - 1;
const FIRST_BLOCK_RUNS = 16;

/**
 * A growable list of runs of bytes, each inside some larger buffer: what a list of keys is answered with. It holds
 * pointers, not copies, and keeps the buffers alive that it points into.
 *
 * The most common answer is one run or none: the first one costs no array. The others are in blocks, because doubling an
 * array of millions would stop everything else for milliseconds.
 */
export class ByteRuns {
  /** What `touch` has read. Nobody looks at it: it is kept so that no compiler leaves the reading out. */
  touched = 0;
  /** Bytes of the runs that lie in buffers of their own, which nothing else refers to; kept by who pushes such runs. */
  ownBytes = 0;
  #first: Uint8Array = EMPTY_BYTES;
  #firstOffset = 0;
  #firstLength = 0;
  /** Of the runs behind the first, block by block: the buffers, and offset and length of each. */
  readonly #buffers: Uint8Array[][] = [];
  readonly #places: Uint32Array[] = [];
  #count = 0;
  #totalBytes = 0;
  #varintBytes = 0;

  /** How many runs there are. */
  get count(): number {
    return this.#count;
  }

  /** The lengths of all runs together. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** What the lengths of all runs take as varints, so that the size of a message of them is known without a look at each. */
  get varintBytes(): number {
    return this.#varintBytes;
  }

  push(buffer: Uint8Array, offset: number, length: number): void {
    const at = this.#count++ - 1;
    this.#totalBytes += length;
    this.#varintBytes += varintBytes(length);
    if (at < 0) {
      this.#first = buffer;
      this.#firstOffset = offset;
      this.#firstLength = length;
      return;
    }
    const block = at >>> BLOCK_SHIFT;
    const place = (at & BLOCK_MASK) * 2;
    if (block === this.#places.length || place === this.#places[block]!.length) this.#grow(block);
    this.#buffers[block]!.push(buffer);
    this.#places[block]![place] = offset;
    this.#places[block]![place + 1] = length;
  }

  /** Forgets the runs from `count` on. */
  truncate(count: number): void {
    while (this.#count > count) {
      const length = this.length(--this.#count);
      this.#totalBytes -= length;
      this.#varintBytes -= varintBytes(length);
      if (this.#count > 0) this.#buffers[(this.#count - 1) >>> BLOCK_SHIFT]!.pop();
      else this.#first = EMPTY_BYTES;
    }
  }

  /** The buffer that run `at` lies in. */
  buffer(at: number): Uint8Array {
    return at === 0 ? this.#first : this.#buffers[(at - 1) >>> BLOCK_SHIFT]![(at - 1) & BLOCK_MASK]!;
  }

  offset(at: number): number {
    return at === 0
      ? this.#firstOffset
      : this.#places[(at - 1) >>> BLOCK_SHIFT]![((at - 1) & BLOCK_MASK) * 2]!;
  }

  length(at: number): number {
    if (at === 0) return this.#firstLength;
    return this.#places[(at - 1) >>> BLOCK_SHIFT]![((at - 1) & BLOCK_MASK) * 2 + 1]!;
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

  /** Makes room at the end of a block: the first one grows from little, the others are made whole. */
  #grow(block: number): void {
    const old = this.#places[block];
    const runs = block > 0 ? BLOCK_RUNS : Math.max(FIRST_BLOCK_RUNS, old?.length ?? 0);
    const places = new Uint32Array(runs * 2);
    if (old === undefined) this.#buffers.push([]);
    else places.set(old);
    this.#places[block] = places;
  }
}

/** Bytes of a length as a varint: seven bits each. */
function varintBytes(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x200000) return 3;
  return length < 0x10000000 ? 4 : 5;
}

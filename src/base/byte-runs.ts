import { EMPTY_BYTES } from './bytes.ts';

const BLOCK_SHIFT = 12;
const BLOCK_RUNS = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_RUNS - 1;
const FIRST_BLOCK_RUNS = 16;
/** A first block that is full with so many is replaced by a whole one. */
const SMALL_BLOCK_RUNS = 256;
/** Whole blocks that are kept for the next lists: 4 MiB, for 262,144 runs. */
const IDLE_MAX = 64;

/** Of each run its buffer, and offset and length in that. */
interface Block {
  readonly buffers: Uint8Array[];
  readonly places: Uint32Array;
}

/**
 * Lists come and go, and what they need is large and lives just long enough for the garbage collector to take it for
 * something that stays: the heap would grow by tens of MiB.
 */
const idle: Block[] = [];

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
  /** Of the runs behind the first. */
  readonly #blocks: Block[] = [];
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
    if (block === this.#blocks.length || place === this.#blocks[block]!.places.length) this.#grow(block);
    const { buffers, places } = this.#blocks[block]!;
    buffers[at & BLOCK_MASK] = buffer;
    places[place] = offset;
    places[place + 1] = length;
  }

  /** Forgets the runs from `count` on. */
  truncate(count: number): void {
    while (this.#count > count) {
      const length = this.length(--this.#count);
      this.#totalBytes -= length;
      this.#varintBytes -= varintBytes(length);
      const at = this.#count - 1;
      if (at < 0) this.#first = EMPTY_BYTES;
      else this.#blocks[at >>> BLOCK_SHIFT]!.buffers[at & BLOCK_MASK] = EMPTY_BYTES;
    }
  }

  /** The buffer that run `at` lies in. */
  buffer(at: number): Uint8Array {
    return at === 0 ? this.#first : this.#blocks[(at - 1) >>> BLOCK_SHIFT]!.buffers[(at - 1) & BLOCK_MASK]!;
  }

  offset(at: number): number {
    return at === 0
      ? this.#firstOffset
      : this.#blocks[(at - 1) >>> BLOCK_SHIFT]!.places[((at - 1) & BLOCK_MASK) * 2]!;
  }

  length(at: number): number {
    if (at === 0) return this.#firstLength;
    return this.#blocks[(at - 1) >>> BLOCK_SHIFT]!.places[((at - 1) & BLOCK_MASK) * 2 + 1]!;
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

  /** Forgets everything, when nobody looks at it any more: other lists get its memory. */
  release(): void {
    for (const block of this.#blocks.splice(0)) {
      if (block.buffers.length < BLOCK_RUNS || idle.length >= IDLE_MAX) continue;
      block.buffers.fill(EMPTY_BYTES);
      idle.push(block);
    }
    this.#first = EMPTY_BYTES;
    this.#count = 0;
    this.#totalBytes = 0;
    this.#varintBytes = 0;
  }

  /** Makes room at the end of a block: the first one grows from little, the others are made whole. */
  #grow(at: number): void {
    const old = this.#blocks[at];
    if (old === undefined && at === 0) {
      this.#blocks.push(newBlock(FIRST_BLOCK_RUNS));
      return;
    }
    const oldRuns = old?.buffers.length ?? BLOCK_RUNS;
    const block = oldRuns < SMALL_BLOCK_RUNS ? newBlock(2 * oldRuns) : (idle.pop() ?? newBlock(BLOCK_RUNS));
    if (old !== undefined) {
      block.places.set(old.places);
      for (let run = 0; run < oldRuns; run++) block.buffers[run] = old.buffers[run]!;
    }
    this.#blocks[at] = block;
  }
}

function newBlock(runs: number): Block {
  return { buffers: new Array<Uint8Array>(runs).fill(EMPTY_BYTES), places: new Uint32Array(2 * runs) };
}

/** Bytes of a length as a varint: seven bits each. */
function varintBytes(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x200000) return 3;
  return length < 0x10000000 ? 4 : 5;
}

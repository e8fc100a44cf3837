import { NONE } from './constants.ts';
import type { KeyId } from './constants.ts';
import { wordAt } from './keys.ts';
import type { Keys } from './keys.ts';

/** Keys of a leaf. */
export const LEAF_MAX = 64;
/** Children of an inner node. */
export const INNER_MAX = 32;

// A node is a run of words. Both kinds begin alike, so that one search serves both: how many slots are taken, the length
// of a prefix that all keys of the node have in common, and from SLOTS on one word for each key: key id * 2 + live (the
// live bit only means something in a leaf).
export const COUNT = 0;
export const PREFIX = 1;
export const NEXT = 2;
export const PREVIOUS = 3;
export const SLOTS = 4;
/** The four bytes of each key behind the common prefix: most comparisons end here and never touch the key. */
export const LEAF_CACHE = SLOTS + LEAF_MAX;
const LEAF_WORDS = LEAF_CACHE + LEAF_MAX;

// The key of an inner slot is the smallest key below its child; that of slot 0 means nothing.
export const INNER_CACHE = SLOTS + INNER_MAX;
export const CHILD = INNER_CACHE + INNER_MAX;
/** Keys below the child, and how many of them are live. */
export const ENTRIES = CHILD + INNER_MAX;
export const LIVE = ENTRIES + INNER_MAX;
const INNER_WORDS = LIVE + INNER_MAX;

/** Nodes of one size, in blocks of a fixed size; a free one links to the next free one by its NEXT word. */
export class NodePool {
  readonly #words: number;
  readonly #blocks: Uint32Array[] = [];
  readonly #perBlockShift = 7;
  #allocated = 0;
  #free = NONE;
  #count = 0;

  constructor(words: number) {
    this.#words = words;
  }

  /** Nodes in use. */
  get count(): number {
    return this.#count;
  }

  get memoryBytes(): number {
    return this.#blocks.length * this.#words * 4 * (1 << this.#perBlockShift);
  }

  create(): number {
    let node = this.#free;
    if (node === NONE) {
      node = this.#allocated++;
      if (node >>> this.#perBlockShift === this.#blocks.length) {
        this.#blocks.push(new Uint32Array(this.#words << this.#perBlockShift));
      }
    } else {
      this.#free = this.block(node)[this.base(node) + NEXT]!;
    }
    const block = this.block(node);
    const base = this.base(node);
    block[base + COUNT] = 0;
    block[base + PREFIX] = 0;
    block[base + NEXT] = NONE;
    block[base + PREVIOUS] = NONE;
    this.#count++;
    return node;
  }

  release(node: number): void {
    this.block(node)[this.base(node) + NEXT] = this.#free;
    this.#free = node;
    this.#count--;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#allocated = 0;
    this.#free = NONE;
    this.#count = 0;
  }

  block(node: number): Uint32Array {
    return this.#blocks[node >>> this.#perBlockShift]!;
  }

  base(node: number): number {
    return (node & ((1 << this.#perBlockShift) - 1)) * this.#words;
  }
}

/**
 * The two pools of nodes and what is done inside one node: searching it for a probe (the bytes of a key), and keeping
 * the common prefix and the cached words true.
 */
export class TreeNodes {
  readonly leaves = new NodePool(LEAF_WORDS);
  readonly inners = new NodePool(INNER_WORDS);
  readonly #keys: Keys;

  #probe: Uint8Array = Buffer.alloc(0);
  #probeStart = 0;
  #probeLength = 0;
  /** How far the probe agreed with the prefix of the node searched last; its whole length when it does. */
  shared = 0;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  setProbe(buffer: Uint8Array, start: number, length: number): void {
    this.#probe = buffer;
    this.#probeStart = start;
    this.#probeLength = length;
  }

  /**
   * Where the probe belongs among the keys of slots `from` to the end: the first slot with a key above it, or, with
   * `orEqual` false, the first with a key equal to or above it. `skip` bytes are known to be shared with all keys.
   */
  position(leaf: boolean, node: number, from: number, skip: number, orEqual: boolean): number {
    const pool = leaf ? this.leaves : this.inners;
    const block = pool.block(node);
    const base = pool.base(node);
    const end = block[base + COUNT]!;
    const prefix = block[base + PREFIX]!;
    this.shared = prefix;
    if (from >= end) return from;
    if (skip < prefix) {
      const difference = this.#comparePrefix(block[base + SLOTS + from]! >>> 1, skip, prefix);
      if (difference < 0) return from;
      if (difference > 0) return end;
    }
    const word = wordAt(this.#probe, this.#probeStart, this.#probeLength, prefix);
    const slots = base + SLOTS;
    const cache = base + (leaf ? LEAF_CACHE : INNER_CACHE);
    let low = from;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = block[cache + middle]!;
      if (other < word) {
        low = middle + 1;
      } else if (other > word) {
        high = middle;
      } else {
        const difference = this.compare(block[slots + middle]! >>> 1, prefix);
        if (difference > 0 || (difference === 0 && orEqual)) low = middle + 1;
        else high = middle;
      }
    }
    return low;
  }

  /** Negative, zero or positive as the probe is below, equal to or above the key; the first `from` bytes are equal. */
  compare(key: KeyId, from: number): number {
    const keys = this.#keys;
    keys.locate(key);
    const probe = this.#probe;
    const probeStart = this.#probeStart;
    const other = keys.buffer;
    const start = keys.start;
    const end = Math.min(this.#probeLength, keys.length);
    for (let i = from; i < end; i++) {
      const difference = probe[probeStart + i]! - other[start + i]!;
      if (difference !== 0) return difference;
    }
    return this.#probeLength - keys.length;
  }

  /** The length of the common prefix of the probe and the key, at most `end`. */
  sharedWith(key: KeyId, end: number): number {
    this.#comparePrefix(key, 0, end);
    return this.shared;
  }

  probeWord(from: number): number {
    return wordAt(this.#probe, this.#probeStart, this.#probeLength, from);
  }

  #comparePrefix(key: KeyId, from: number, end: number): number {
    const keys = this.#keys;
    keys.locate(key);
    const probe = this.#probe;
    const probeStart = this.#probeStart;
    const other = keys.buffer;
    const start = keys.start;
    const stop = Math.min(end, this.#probeLength, keys.length);
    for (let i = from; i < stop; i++) {
      const difference = probe[probeStart + i]! - other[start + i]!;
      if (difference !== 0) {
        this.shared = i;
        return difference;
      }
    }
    this.shared = Math.max(stop, from);
    return stop < end ? this.#probeLength - keys.length : 0;
  }

  /** Shortens the common prefix of a leaf that has keys; the cached words follow without a look at most of the keys. */
  shrinkLeaf(leaf: number, prefix: number): void {
    const block = this.leaves.block(leaf);
    const base = this.leaves.base(leaf);
    const cut = block[base + PREFIX]! - prefix;
    if (cut <= 0) return;
    block[base + PREFIX] = prefix;
    const cache = base + LEAF_CACHE;
    const count = block[base + COUNT]!;
    const word = this.#keys.word(block[base + SLOTS]! >>> 1, prefix);
    if (cut >= 4) {
      for (let i = 0; i < count; i++) block[cache + i] = word;
      return;
    }
    // The first `cut` bytes are those that all keys have in common, the others are the first of the old word.
    const high = (word & (0xffffffff << (32 - 8 * cut))) >>> 0;
    for (let i = 0; i < count; i++) block[cache + i] = (high | (block[cache + i]! >>> (8 * cut))) >>> 0;
  }

  /** Makes the common prefix of a leaf as long as it can be; `all`: its cached words are not there yet. */
  refreshLeaf(leaf: number, all: boolean): void {
    const block = this.leaves.block(leaf);
    const base = this.leaves.base(leaf);
    const count = block[base + COUNT]!;
    const known = all ? -1 : block[base + PREFIX]!;
    const first = block[base + SLOTS]! >>> 1;
    const last = block[base + SLOTS + count - 1]! >>> 1;
    const prefix = this.#keys.commonPrefix(first, last, 0);
    if (prefix <= known) return;
    block[base + PREFIX] = prefix;
    for (let i = 0; i < count; i++) {
      block[base + LEAF_CACHE + i] = this.#keys.word(block[base + SLOTS + i]! >>> 1, prefix);
    }
  }

  /** Computes common prefix and cached words of an inner node anew. */
  refreshInner(inner: number): void {
    const block = this.inners.block(inner);
    const base = this.inners.base(inner);
    const count = block[base + COUNT]!;
    if (count < 2) return;
    const first = block[base + SLOTS + 1]! >>> 1;
    const last = block[base + SLOTS + count - 1]! >>> 1;
    const prefix = this.#keys.commonPrefix(first, last, 0);
    block[base + PREFIX] = prefix;
    for (let i = 1; i < count; i++) {
      block[base + INNER_CACHE + i] = this.#keys.word(block[base + SLOTS + i]! >>> 1, prefix);
    }
  }
}

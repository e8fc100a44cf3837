import type { Segments } from './segments.ts';
import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';
import type { Versions } from './versions.ts';

const NEWEST = 0;
const DEPTH = 1;
const WORDS = 2;
const BLOCK_SHIFT = 15;
const BLOCK_SIZE = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_SIZE - 1;

/**
 * The keys: a key's newest version and the length of its chain of versions. Its bytes are read from the body of its
 * newest version, which is always in memory. A free slot has no newest version and links to the next free one.
 */
export class Keys {
  readonly #segments: Segments;
  readonly #versions: Versions;
  readonly #blocks: Uint32Array[] = [];
  #allocated = 0;
  #free = NONE;
  #count = 0;

  /** Where `locate` found the bytes of a key. */
  buffer: Uint8Array = Buffer.alloc(0);
  start = 0;
  length = 0;

  constructor(segments: Segments, versions: Versions) {
    this.#segments = segments;
    this.#versions = versions;
  }

  get count(): number {
    return this.#count;
  }

  /** All slots, used or free, are below this. */
  get end(): number {
    return this.#allocated;
  }

  get memoryBytes(): number {
    return this.#blocks.length * BLOCK_SIZE * WORDS * 4;
  }

  /** A new key without a version; it needs one before anything else is asked of it. */
  create(): KeyId {
    let key = this.#free;
    if (key === NONE) {
      key = this.#allocated++;
      if ((key & BLOCK_MASK) === 0) this.#blocks.push(new Uint32Array(BLOCK_SIZE * WORDS));
    } else {
      this.#free = this.depth(key);
    }
    this.#count++;
    return key;
  }

  release(key: KeyId): void {
    this.setNewest(key, NONE, this.#free);
    this.#free = key;
    this.#count--;
  }

  /** NONE for a free slot. */
  newest(key: KeyId): VersionId {
    return this.#blocks[key >>> BLOCK_SHIFT]![(key & BLOCK_MASK) * WORDS + NEWEST]!;
  }

  /** Replaces the keys `list[from..to)` by their newest versions. */
  newestOf(list: Uint32Array, from: number, to: number): void {
    const blocks = this.#blocks;
    for (let i = from; i < to; i++) {
      const key = list[i]!;
      list[i] = blocks[key >>> BLOCK_SHIFT]![(key & BLOCK_MASK) * WORDS + NEWEST]!;
    }
  }

  /** The place of the newest version in the chain, 1 for the oldest there ever was. */
  depth(key: KeyId): number {
    return this.#blocks[key >>> BLOCK_SHIFT]![(key & BLOCK_MASK) * WORDS + DEPTH]!;
  }

  setNewest(key: KeyId, v: VersionId, depth: number): void {
    const block = this.#blocks[key >>> BLOCK_SHIFT]!;
    const base = (key & BLOCK_MASK) * WORDS;
    block[base + NEWEST] = v;
    block[base + DEPTH] = depth;
  }

  /** Finds the bytes of a key: sets `buffer`, `start` and `length`. */
  locate(key: KeyId): void {
    const v = this.newest(key);
    this.locateIn(this.#segments.bytes(this.#versions.segment(v)), this.#versions.offset(v));
  }

  /** Finds the key in a body, which starts with `0x0a`, a varint of the key's length, and the key. */
  locateIn(buffer: Uint8Array, offset: number): void {
    let start = offset + 2;
    let length = buffer[offset + 1]!;
    if (length >= 128) {
      length &= 127;
      for (let shift = 7; ; shift += 7) {
        const byte = buffer[start++]!;
        length |= (byte & 127) << shift;
        if (byte < 128) break;
      }
    }
    this.buffer = buffer;
    this.start = start;
    this.length = length;
  }

  /** Whether these are the bytes of the key. */
  equals(key: KeyId, buffer: Uint8Array, start: number, length: number): boolean {
    this.locate(key);
    if (this.length !== length) return false;
    const own = this.buffer;
    let at = this.start;
    let other = start;
    // Equal hashes nearly always mean equal keys: all of it is compared, so four bytes at a time save most branches.
    for (const end = at + (length & ~3); at < end; at += 4, other += 4) {
      const low = (own[at]! ^ buffer[other]!) | (own[at + 1]! ^ buffer[other + 1]!);
      const high = (own[at + 2]! ^ buffer[other + 2]!) | (own[at + 3]! ^ buffer[other + 3]!);
      if ((low | high) !== 0) return false;
    }
    for (const end = this.start + length; at < end; at++, other++) {
      if (own[at] !== buffer[other]) return false;
    }
    return true;
  }

  /** The length of the common prefix of two keys, which have the first `from` bytes in common. */
  commonPrefix(a: KeyId, b: KeyId, from: number): number {
    this.locate(a);
    const buffer = this.buffer;
    const start = this.start;
    const length = this.length;
    this.locate(b);
    const end = Math.min(length, this.length);
    let i = from;
    while (i < end && buffer[start + i] === this.buffer[this.start + i]) i++;
    return i;
  }

  /** Negative, zero or positive as key `a` is below, equal to or above key `b`; the first `from` bytes are equal. */
  compare(a: KeyId, b: KeyId, from: number): number {
    this.locate(a);
    const buffer = this.buffer;
    const start = this.start;
    const length = this.length;
    this.locate(b);
    const end = Math.min(length, this.length);
    for (let i = from; i < end; i++) {
      const difference = buffer[start + i]! - this.buffer[this.start + i]!;
      if (difference !== 0) return difference;
    }
    return length - this.length;
  }

  /** The four bytes of the key from `from` on as a number, filled up with zeros behind its end. */
  word(key: KeyId, from: number): number {
    this.locate(key);
    return wordAt(this.buffer, this.start, this.length, from);
  }
}

/** The four bytes from `from` on of the key at `start` as a big-endian number, filled up with zeros behind its end. */
export function wordAt(buffer: Uint8Array, start: number, length: number, from: number): number {
  const rest = length - from;
  const at = start + from;
  if (rest >= 4) {
    return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
  }
  if (rest <= 0) return 0;
  let word = buffer[at]! << 24;
  if (rest > 1) word |= buffer[at + 1]! << 16;
  if (rest > 2) word |= buffer[at + 2]! << 8;
  return word >>> 0;
}

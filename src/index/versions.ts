import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';

// One record of nine words per version, so that reading a version costs one cache line or two, not one per column.
const REVISION_LOW = 0;
const REVISION_HIGH = 1;
const SUB = 2;
const SEGMENT = 3;
const OFFSET = 4;
/** The top bit marks a tombstone. */
const LENGTH = 5;
const PREVIOUS = 6;
const JUMP = 7;
const KEY = 8;
const WORDS = 9;

const BLOCK_SHIFT = 13;
const BLOCK_SIZE = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_SIZE - 1;

const TOMBSTONE = 0x80000000;
const LENGTH_MASK = 0x7fffffff;
const TWO_TO_32 = 0x100000000;

/**
 * The columns of all versions, in blocks of a fixed size: growing never copies. A free slot has no key and links to the
 * next free one.
 *
 * The versions of a key form a chain from the newest to the oldest, with a second, longer pointer each (the jump of a
 * skew-binary list), by which any version is found in O(log n) steps. Trimming frees the oldest ones without touching
 * who points at them, so both pointers must be checked with `isAncestor` before they are followed: a slot that has been
 * freed has no key, one that is used again belongs to another key or holds a newer version.
 */
export class Versions {
  readonly #blocks: Uint32Array[] = [];
  #allocated = 0;
  #free = NONE;
  #count = 0;

  /** How many versions exist. */
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

  create(
    key: KeyId,
    segment: number,
    offset: number,
    length: number,
    revision: number,
    sub: number,
    tombstone: boolean,
  ): VersionId {
    let v = this.#free;
    if (v === NONE) {
      v = this.#allocated++;
      if ((v & BLOCK_MASK) === 0) this.#blocks.push(new Uint32Array(BLOCK_SIZE * WORDS));
    } else {
      this.#free = this.previousRaw(v);
    }
    this.#count++;
    const block = this.#blocks[v >>> BLOCK_SHIFT]!;
    const base = (v & BLOCK_MASK) * WORDS;
    const high = Math.floor(revision / TWO_TO_32);
    block[base + REVISION_LOW] = revision - high * TWO_TO_32;
    block[base + REVISION_HIGH] = high;
    block[base + SUB] = sub;
    block[base + SEGMENT] = segment;
    block[base + OFFSET] = offset;
    block[base + LENGTH] = tombstone ? length + TOMBSTONE : length;
    block[base + PREVIOUS] = NONE;
    block[base + JUMP] = NONE;
    block[base + KEY] = key;
    return v;
  }

  /** Makes `previous` the version before `v`; `depth` is the place of `previous` in its chain, 1 for the oldest. */
  link(v: VersionId, previous: VersionId, depth: number): void {
    const block = this.#blocks[v >>> BLOCK_SHIFT]!;
    const base = (v & BLOCK_MASK) * WORDS;
    block[base + PREVIOUS] = previous;
    let jump = previous;
    if (endsInEqualTerms(depth)) {
      const first = this.#jump(previous);
      jump = this.isAncestor(first, previous) ? this.#jump(first) : NONE;
    }
    block[base + JUMP] = jump;
  }

  release(v: VersionId): void {
    const block = this.#blocks[v >>> BLOCK_SHIFT]!;
    const base = (v & BLOCK_MASK) * WORDS;
    block[base + KEY] = NONE;
    block[base + PREVIOUS] = this.#free;
    this.#free = v;
    this.#count--;
  }

  revision(v: VersionId): number {
    const block = this.#blocks[v >>> BLOCK_SHIFT]!;
    const base = (v & BLOCK_MASK) * WORDS;
    return block[base + REVISION_HIGH]! * TWO_TO_32 + block[base + REVISION_LOW]!;
  }

  sub(v: VersionId): number {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + SUB]!;
  }

  /** NONE when the body is not in memory. */
  segment(v: VersionId): number {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + SEGMENT]!;
  }

  offset(v: VersionId): number {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + OFFSET]!;
  }

  length(v: VersionId): number {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + LENGTH]! & LENGTH_MASK;
  }

  isTombstone(v: VersionId): boolean {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + LENGTH]! >= TOMBSTONE;
  }

  /** NONE for a free slot. */
  key(v: VersionId): KeyId {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + KEY]!;
  }

  setPlace(v: VersionId, segment: number, offset: number): void {
    const block = this.#blocks[v >>> BLOCK_SHIFT]!;
    const base = (v & BLOCK_MASK) * WORDS;
    block[base + SEGMENT] = segment;
    block[base + OFFSET] = offset;
  }

  /** The version of the same key before `v`; NONE when there is none or it has been trimmed. */
  previous(v: VersionId): VersionId {
    const previous = this.previousRaw(v);
    return this.isAncestor(previous, v) ? previous : NONE;
  }

  previousRaw(v: VersionId): VersionId {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + PREVIOUS]!;
  }

  /** Whether slot `a` still holds the ancestor of `v` that a pointer of `v` meant. */
  isAncestor(a: VersionId, v: VersionId): boolean {
    return a !== NONE && this.key(a) === this.key(v) && this.isOlder(a, v);
  }

  isOlder(a: VersionId, b: VersionId): boolean {
    const difference = this.revision(a) - this.revision(b);
    return difference < 0 || (difference === 0 && this.sub(a) < this.sub(b));
  }

  /** The newest version in the chain from `v` on with a revision <= `revision`; NONE when there is none (any more). */
  at(v: VersionId, revision: number): VersionId {
    while (this.revision(v) > revision) {
      const jump = this.#jump(v);
      if (this.isAncestor(jump, v) && this.revision(jump) > revision) {
        v = jump;
      } else {
        const previous = this.previous(v);
        if (previous === NONE) return NONE;
        v = previous;
      }
    }
    return v;
  }

  /**
   * Of keys whose newest versions are `list[from..to)`: replaces each by the version that is live at `revision`, leaves
   * out keys without one, and returns the end of what is left.
   */
  liveAt(list: Uint32Array, from: number, to: number, revision: number): number {
    const blocks = this.#blocks;
    let end = from;
    for (let i = from; i < to; i++) {
      let v = list[i]!;
      const block = blocks[v >>> BLOCK_SHIFT]!;
      const base = (v & BLOCK_MASK) * WORDS;
      if (block[base + REVISION_HIGH]! * TWO_TO_32 + block[base + REVISION_LOW]! > revision) {
        v = this.at(v, revision);
        if (v === NONE || this.isTombstone(v)) continue;
      } else if (block[base + LENGTH]! >= TOMBSTONE) continue;
      list[end++] = v;
    }
    return end;
  }

  /** Writes segment, offset and length of each version of `list[from..to)` into `places`, one behind the other. */
  places(list: Uint32Array, from: number, to: number, places: Uint32Array): void {
    const blocks = this.#blocks;
    let at = 0;
    for (let i = from; i < to; i++) {
      const v = list[i]!;
      const block = blocks[v >>> BLOCK_SHIFT]!;
      const base = (v & BLOCK_MASK) * WORDS;
      places[at++] = block[base + SEGMENT]!;
      places[at++] = block[base + OFFSET]!;
      places[at++] = block[base + LENGTH]! & LENGTH_MASK;
    }
  }

  #jump(v: VersionId): VersionId {
    return this.#blocks[v >>> BLOCK_SHIFT]![(v & BLOCK_MASK) * WORDS + JUMP]!;
  }
}

/**
 * Whether the two smallest terms of `depth`, written in skew-binary numbers (a sum of terms 2^k - 1, largest first, of
 * which only the smallest may occur twice), are equal: then the next element of a list merges them into one jump.
 */
export function endsInEqualTerms(depth: number): boolean {
  let rest = depth;
  let last = 0;
  let beforeLast = 0;
  while (rest > 0) {
    const term = (0x8000_0000 >>> Math.clz32(rest + 1)) - 1;
    beforeLast = last;
    last = term;
    rest -= term;
  }
  return last === beforeLast && last > 0;
}

import type { Keys } from './keys.ts';
import { wordAt } from './keys.ts';

/** Ranges up to this length are sorted by insertion. */
const FEW = 12;
/** Bytes of a key that are compared as one number, which a float holds exactly. */
const WORD_BYTES = 6;
const TWO_TO_16 = 0x10000;
const TWO_TO_32 = 0x100000000;

/**
 * Sorts keys, each given as key id * 2 + live, by their bytes. Keys already in order are noticed by one pass over them.
 *
 * A multikey quicksort: the six bytes of each key at the depth reached are kept beside it, so that partitioning
 * compares numbers; keys are only looked at when a group with the same six bytes goes deeper, and then past all that
 * the group has in common.
 */
export function sortKeys(keys: Keys, slots: Uint32Array): void {
  if (!isSorted(keys, slots)) new Sort(keys, slots).run();
}

function isSorted(keys: Keys, slots: Uint32Array): boolean {
  for (let i = 1; i < slots.length; i++) {
    if (keys.compare(slots[i - 1]! >>> 1, slots[i]! >>> 1, 0) > 0) return false;
  }
  return true;
}

class Sort {
  readonly #keys: Keys;
  readonly #slots: Uint32Array;
  readonly #words: Float64Array;
  /** The words behind those, fetched with them: most keys are then never looked at again. */
  readonly #nextWords: Float64Array;
  /** Ranges to be sorted: low, high, depth, rounds left (0: the words are not there yet), 1 if the next words are. */
  readonly #stack: number[] = [];

  constructor(keys: Keys, slots: Uint32Array) {
    this.#keys = keys;
    this.#slots = slots;
    this.#words = new Float64Array(slots.length);
    this.#nextWords = new Float64Array(slots.length);
  }

  run(): void {
    const stack = this.#stack;
    stack.push(0, this.#slots.length, 0, 0, 0);
    while (stack.length > 0) {
      const hasNext = stack.pop() === 1;
      const rounds = stack.pop() ?? 0;
      const depth = stack.pop() ?? 0;
      const high = stack.pop() ?? 0;
      const low = stack.pop() ?? 0;
      if (high - low <= FEW) this.#insert(low, high, depth, rounds > 0);
      else if (rounds === 0) this.#descend(low, high, depth);
      else if (rounds === 1) this.#compareAll(low, high, depth);
      else this.#partition(low, high, depth, rounds, hasNext);
    }
  }

  /**
   * Goes past what the keys of the range have in common and fetches the words behind it: in one pass, because looking at
   * a key mostly means waiting for memory. What they have in common is guessed from a few of them.
   */
  #descend(low: number, high: number, depth: number): void {
    let common = this.#common(low, high, Math.max(1, (high - low) >>> 4), depth);
    if (!this.#fetch(low, high, depth, common)) {
      common = this.#common(low, high, 1, depth);
      this.#fetch(low, high, common, common);
    }
    this.#stack.push(low, high, common, roundsOf(high - low), 1);
  }

  /** What every `step`-th key of the range has in common with the first; at least `depth` bytes. */
  #common(low: number, high: number, step: number, depth: number): number {
    const slots = this.#slots;
    const first = slots[low]! >>> 1;
    let common = Infinity;
    for (let i = low + step; i < high && common > depth; i += step) {
      common = Math.min(common, this.#keys.commonPrefix(first, slots[i]! >>> 1, depth));
    }
    return common;
  }

  /** Fetches the words at `common`. False: not all keys have the bytes from `depth` to `common` in common. */
  #fetch(low: number, high: number, depth: number, common: number): boolean {
    const keys = this.#keys;
    const slots = this.#slots;
    const words = this.#words;
    const nextWords = this.#nextWords;
    keys.locate(slots[low]! >>> 1);
    const first = keys.buffer;
    const firstStart = keys.start;
    for (let i = low; i < high; i++) {
      keys.locate(slots[i]! >>> 1);
      const { buffer, start, length } = keys;
      if (length < common) return false;
      for (let at = depth; at < common; at++) {
        if (buffer[start + at] !== first[firstStart + at]) return false;
      }
      const middle = wordAt(buffer, start, length, common + 4);
      words[i] = wordAt(buffer, start, length, common) * TWO_TO_16 + (middle >>> 16);
      nextWords[i] = (middle & 0xffff) * TWO_TO_32 + wordAt(buffer, start, length, common + 8);
    }
    return true;
  }

  #partition(low: number, high: number, depth: number, rounds: number, hasNext: boolean): void {
    const words = this.#words;
    const pivot = median(words[low]!, words[(low + high) >>> 1]!, words[high - 1]!);
    let below = low;
    let above = high;
    let i = low;
    while (i < above) {
      const word = words[i]!;
      if (word < pivot) this.#swap(below++, i++);
      else if (word > pivot) this.#swap(--above, i);
      else i++;
    }
    const more = hasNext ? 1 : 0;
    this.#stack.push(low, below, depth, rounds - 1, more, above, high, depth, rounds - 1, more);
    // A word that ends in zero may be that of a key that has ended: only comparing can tell.
    if (pivot % 256 === 0) this.#compareAll(below, above, depth);
    else if (hasNext) {
      words.set(this.#nextWords.subarray(below, above), below);
      this.#stack.push(below, above, depth + WORD_BYTES, roundsOf(above - below), 0);
    } else this.#stack.push(below, above, depth + WORD_BYTES, 0, 0);
  }

  #compareAll(low: number, high: number, depth: number): void {
    const keys = this.#keys;
    this.#slots.subarray(low, high).sort((a, b) => keys.compare(a >>> 1, b >>> 1, depth));
  }

  #insert(low: number, high: number, depth: number, haveWords: boolean): void {
    const slots = this.#slots;
    const words = this.#words;
    for (let i = low + 1; i < high; i++) {
      const slot = slots[i]!;
      const word = words[i]!;
      let to = i;
      for (; to > low; to--) {
        const difference = haveWords ? words[to - 1]! - word : 0;
        if (difference < 0) break;
        if (difference === 0 && this.#keys.compare(slots[to - 1]! >>> 1, slot >>> 1, depth) < 0) break;
        slots[to] = slots[to - 1]!;
        words[to] = words[to - 1]!;
      }
      slots[to] = slot;
      words[to] = word;
    }
  }

  #swap(a: number, b: number): void {
    const slots = this.#slots;
    const words = this.#words;
    const slot = slots[a]!;
    const word = words[a]!;
    slots[a] = slots[b]!;
    words[a] = words[b]!;
    slots[b] = slot;
    words[b] = word;
    const next = this.#nextWords[a]!;
    this.#nextWords[a] = this.#nextWords[b]!;
    this.#nextWords[b] = next;
  }
}

/** Twice the rounds of an even split; whoever needs more is sorted by comparing, which cannot degenerate. */
function roundsOf(count: number): number {
  return 2 + 2 * (32 - Math.clz32(count));
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

import type { Keys } from './keys.ts';
import { wordAt } from './keys.ts';

/** Ranges up to this length are sorted by insertion. */
const FEW = 12;
/** Bytes of a key that are compared as one number, which a float holds exactly. */
const WORD_BYTES = 6;
const TWO_TO_16 = 0x10000;

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
  /** Ranges to be sorted: low, high, depth, rounds left (0: the words are not there yet). */
  readonly #stack: number[] = [];

  constructor(keys: Keys, slots: Uint32Array) {
    this.#keys = keys;
    this.#slots = slots;
    this.#words = new Float64Array(slots.length);
  }

  run(): void {
    const stack = this.#stack;
    stack.push(0, this.#slots.length, 0, 0);
    while (stack.length > 0) {
      const rounds = stack.pop() ?? 0;
      const depth = stack.pop() ?? 0;
      const high = stack.pop() ?? 0;
      const low = stack.pop() ?? 0;
      if (high - low <= FEW) this.#insert(low, high, depth, rounds > 0);
      else if (rounds === 0) this.#descend(low, high, depth);
      else if (rounds === 1) this.#compareAll(low, high, depth);
      else this.#partition(low, high, depth, rounds);
    }
  }

  /** Goes past what the keys of the range have in common and fetches the words behind it. */
  #descend(low: number, high: number, depth: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const first = slots[low]! >>> 1;
    let common = Infinity;
    for (let i = low + 1; i < high && common > depth; i++) {
      common = Math.min(common, keys.commonPrefix(first, slots[i]! >>> 1, depth));
    }
    for (let i = low; i < high; i++) this.#words[i] = this.#word(slots[i]! >>> 1, common);
    // Twice the rounds of an even split; whoever needs more is sorted by comparing, which cannot degenerate.
    this.#stack.push(low, high, common, 2 + 2 * (32 - Math.clz32(high - low)));
  }

  #partition(low: number, high: number, depth: number, rounds: number): void {
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
    this.#stack.push(low, below, depth, rounds - 1, above, high, depth, rounds - 1);
    // A word that ends in zero may be that of a key that has ended: only comparing can tell.
    if (pivot % 256 === 0) this.#compareAll(below, above, depth);
    else this.#stack.push(below, above, depth + WORD_BYTES, 0);
  }

  #compareAll(low: number, high: number, depth: number): void {
    const keys = this.#keys;
    this.#slots.subarray(low, high).sort((a, b) => keys.compare(a >>> 1, b >>> 1, depth));
  }

  #word(key: number, from: number): number {
    const keys = this.#keys;
    keys.locate(key);
    const { buffer, start, length } = keys;
    return wordAt(buffer, start, length, from) * TWO_TO_16 + (wordAt(buffer, start, length, from + 4) >>> 16);
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
  }
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

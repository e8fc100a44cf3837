/** Pairs of blocks that are remembered, a power of two: a client uses some ten methods. */
const PAIRS = 16;
/** Longer blocks are not worth comparing. A client that repeats itself sends an octet or two per field. */
const BLOCK_BYTES_MAX = 128;

/** The fields of a block, and its octets to know it by. */
interface Remembered {
  readonly block: Uint8Array;
  readonly fields: readonly string[];
}

/**
 * Header blocks and what they mean, as long as the table that they refer to stays as it is. Two blocks of the
 * same hash do not throw each other out: they are a pair, newest first.
 */
export class BlockCache {
  readonly #slots = new Array<Remembered | undefined>(2 * PAIRS).fill(undefined);
  #used = false;

  get(block: Uint8Array, start: number, end: number): readonly string[] | undefined {
    if (!this.#used || end - start > BLOCK_BYTES_MAX) return undefined;
    const slot = hash(block, start, end);
    const first = this.#slots[slot];
    if (first !== undefined && isSame(first.block, block, start, end)) return first.fields;
    const second = this.#slots[slot + 1];
    if (second !== undefined && isSame(second.block, block, start, end)) return second.fields;
    return undefined;
  }

  /** Remembers a block that `get` did not know; copies its octets and keeps `fields`. */
  put(block: Uint8Array, start: number, end: number, fields: readonly string[]): void {
    if (end - start > BLOCK_BYTES_MAX) return;
    const slot = hash(block, start, end);
    this.#slots[slot + 1] = this.#slots[slot];
    this.#slots[slot] = { block: Uint8Array.prototype.slice.call(block, start, end), fields };
    this.#used = true;
  }

  /** Forgets everything: the table has changed. */
  clear(): void {
    if (!this.#used) return;
    this.#slots.fill(undefined);
    this.#used = false;
  }
}

/** FNV-1a, folded to the first slot of a pair. Whoever makes blocks collide slows down only its own connection. */
function hash(block: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 | 0;
  for (let at = start; at < end; at++) value = Math.imul(value ^ block[at]!, 0x01000193);
  return 2 * ((value ^ (value >>> 16)) & (PAIRS - 1));
}

function isSame(known: Uint8Array, block: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at++) if (known[at] !== block[start + at]) return false;
  return true;
}

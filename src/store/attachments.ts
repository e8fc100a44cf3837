import type { KeyId } from '../index/index.ts';
import { NONE } from '../index/index.ts';

const BLOCK_SHIFT = 12;
const BLOCK_KEYS = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_KEYS - 1;
/** A key's row: next key, previous key, lease slot + 1 (0: none). */
const ROW = 3;

/**
 * Which keys hang on which lease: a list through columns beside the index's keys, so that attaching and detaching cost
 * the same however many keys there are, and leave nothing on the heap. Blocks exist only where a leased key is.
 */
export class Attachments {
  readonly #keyBytes: (key: KeyId) => number;
  readonly #blocks: (Uint32Array | undefined)[] = [];
  /** First key of each lease slot. */
  readonly #heads: number[] = [];
  readonly #counts: number[] = [];
  readonly #bytes: number[] = [];

  /** `keyBytes`: the length of a key, the same for as long as it is attached. */
  constructor(keyBytes: (key: KeyId) => number) {
    this.#keyBytes = keyBytes;
  }

  /** The slot that `key` is attached to, or NONE. */
  slotOf(key: KeyId): number {
    const block = this.#blocks[key >>> BLOCK_SHIFT];
    return block === undefined ? NONE : (block[(key & BLOCK_MASK) * ROW + 2]! - 1) >>> 0;
  }

  count(slot: number): number {
    return this.#counts[slot] ?? 0;
  }

  /** The lengths of all keys of a slot together. */
  bytes(slot: number): number {
    return this.#bytes[slot] ?? 0;
  }

  /** Moves `key` to a slot; NONE detaches it. */
  attach(key: KeyId, slot: number): void {
    const old = this.slotOf(key);
    if (old === slot) return;
    if (old !== NONE) this.#unlink(key, old);
    if (slot !== NONE) this.#link(key, slot);
  }

  /** The keys of a slot, newest attachment first. */
  keys(slot: number): Uint32Array {
    const keys = new Uint32Array(this.count(slot));
    let key = this.#heads[slot] ?? NONE;
    for (let i = 0; i < keys.length; i++) {
      keys[i] = key;
      key = this.#get(key, 0);
    }
    return keys;
  }

  #link(key: KeyId, slot: number): void {
    this.#blocks[key >>> BLOCK_SHIFT] ??= new Uint32Array(BLOCK_KEYS * ROW);
    const head = this.#heads[slot] ?? NONE;
    this.#set(key, 0, head);
    this.#set(key, 1, NONE);
    this.#set(key, 2, slot + 1);
    if (head !== NONE) this.#set(head, 1, key);
    this.#heads[slot] = key;
    this.#counts[slot] = this.count(slot) + 1;
    this.#bytes[slot] = this.bytes(slot) + this.#keyBytes(key);
  }

  #unlink(key: KeyId, slot: number): void {
    const next = this.#get(key, 0);
    const previous = this.#get(key, 1);
    if (previous === NONE) this.#heads[slot] = next;
    else this.#set(previous, 0, next);
    if (next !== NONE) this.#set(next, 1, previous);
    this.#set(key, 2, 0);
    this.#counts[slot] = this.count(slot) - 1;
    this.#bytes[slot] = this.bytes(slot) - this.#keyBytes(key);
  }

  #get(key: KeyId, column: number): number {
    return this.#blocks[key >>> BLOCK_SHIFT]![(key & BLOCK_MASK) * ROW + column]!;
  }

  #set(key: KeyId, column: number, value: number): void {
    this.#blocks[key >>> BLOCK_SHIFT]![(key & BLOCK_MASK) * ROW + column] = value;
  }
}

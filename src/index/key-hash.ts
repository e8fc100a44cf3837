import { assert } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { KeyId } from './constants.ts';
import type { Keys } from './keys.ts';

/** Slots of a block: pairs of (hash, key). A block is split when it is three quarters full. */
const BLOCK_SLOTS = 4096;
const SLOT_MASK = BLOCK_SLOTS - 1;
const COUNT_MAX = (BLOCK_SLOTS * 3) / 4;
/** Two blocks that hold this few together become one again. */
const MERGED_COUNT_MAX = BLOCK_SLOTS / 4;
const DEPTH_MAX = 28;

interface Block {
  readonly slots: Uint32Array;
  count: number;
  /** How many of the leading bits of the hash all keys of the block have in common. */
  depth: number;
}

/**
 * Extendible hashing over key ids: the leading bits of a hash choose a block through a directory, the trailing bits a
 * slot in the block, open addressing goes on from there. It grows by splitting one block at a time (tens of
 * microseconds), so that no single insertion pays for all the others.
 */
export class KeyHash {
  readonly #keys: Keys;
  #directory: Block[] = [newBlock(1), newBlock(1)];
  #shift = 31;
  #blocks = 2;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  get memoryBytes(): number {
    return this.#blocks * BLOCK_SLOTS * 8 + this.#directory.length * 8;
  }

  find(buffer: Uint8Array, start: number, length: number, hash: number): KeyId {
    const slots = this.#directory[hash >>> this.#shift]!.slots;
    for (let slot = hash & SLOT_MASK; ; slot = (slot + 1) & SLOT_MASK) {
      const key = slots[slot * 2 + 1]!;
      if (key === NONE) return NONE;
      if (slots[slot * 2] === hash && this.#keys.equals(key, buffer, start, length)) return key;
    }
  }

  /** The key must not be there yet. */
  insert(hash: number, key: KeyId): void {
    let block = this.#directory[hash >>> this.#shift]!;
    while (block.count >= COUNT_MAX) {
      this.#split(block, hash);
      block = this.#directory[hash >>> this.#shift]!;
    }
    put(block, hash, key);
  }

  remove(hash: number, key: KeyId): void {
    const block = this.#directory[hash >>> this.#shift]!;
    const slots = block.slots;
    let hole = hash & SLOT_MASK;
    while (slots[hole * 2 + 1] !== key) {
      assert(slots[hole * 2 + 1] !== NONE, 'a removed key is in the hash');
      hole = (hole + 1) & SLOT_MASK;
    }
    // Pairs behind the hole move into it unless that would put them before the slot where their search starts.
    for (let slot = (hole + 1) & SLOT_MASK; slots[slot * 2 + 1] !== NONE; slot = (slot + 1) & SLOT_MASK) {
      const wanted = slots[slot * 2]! & SLOT_MASK;
      if (((slot - wanted) & SLOT_MASK) < ((slot - hole) & SLOT_MASK)) continue;
      slots[hole * 2] = slots[slot * 2]!;
      slots[hole * 2 + 1] = slots[slot * 2 + 1]!;
      hole = slot;
    }
    slots[hole * 2 + 1] = NONE;
    block.count--;
    if (block.count < MERGED_COUNT_MAX / 2 && block.depth > 1) this.#merge(block, hash);
  }

  #split(block: Block, hash: number): void {
    const depth = block.depth + 1;
    assert(depth <= DEPTH_MAX, 'the hash spreads keys evenly');
    if (depth > 32 - this.#shift) {
      const wider = new Array<Block>(this.#directory.length * 2);
      for (let i = 0; i < wider.length; i++) wider[i] = this.#directory[i >>> 1]!;
      this.#directory = wider;
      this.#shift--;
    }
    const low = newBlock(depth);
    const high = newBlock(depth);
    for (let slot = 0; slot < BLOCK_SLOTS; slot++) {
      const key = block.slots[slot * 2 + 1]!;
      if (key === NONE) continue;
      const keyHash = block.slots[slot * 2]!;
      put((keyHash >>> (32 - depth)) & 1 ? high : low, keyHash, key);
    }
    const prefix = (hash >>> (32 - depth)) & ~1;
    this.#assign(prefix, low);
    this.#assign(prefix | 1, high);
    this.#blocks++;
  }

  #merge(block: Block, hash: number): void {
    const depth = block.depth;
    const prefix = hash >>> (32 - depth);
    const buddy = this.#directory[(prefix ^ 1) << (32 - this.#shift - depth)]!;
    if (buddy.depth !== depth || buddy.count + block.count > MERGED_COUNT_MAX) return;
    for (let slot = 0; slot < BLOCK_SLOTS; slot++) {
      const key = block.slots[slot * 2 + 1]!;
      if (key !== NONE) put(buddy, block.slots[slot * 2]!, key);
    }
    buddy.depth = depth - 1;
    this.#assign(prefix >>> 1, buddy);
    this.#blocks--;
  }

  /** Lets every hash that starts with the `block.depth` bits `prefix` lead to the block. */
  #assign(prefix: number, block: Block): void {
    const spread = 32 - this.#shift - block.depth;
    const from = prefix << spread;
    for (let i = from; i < from + (1 << spread); i++) this.#directory[i] = block;
  }
}

function newBlock(depth: number): Block {
  const slots = new Uint32Array(BLOCK_SLOTS * 2).fill(NONE);
  return { slots, count: 0, depth };
}

function put(block: Block, hash: number, key: KeyId): void {
  const slots = block.slots;
  let slot = hash & SLOT_MASK;
  while (slots[slot * 2 + 1] !== NONE) slot = (slot + 1) & SLOT_MASK;
  slots[slot * 2] = hash;
  slots[slot * 2 + 1] = key;
  block.count++;
}

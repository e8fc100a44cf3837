import type { Bytes, Random } from '../base/index.ts';
import { assert } from '../base/index.ts';
import { IntervalTree } from './interval-tree.ts';
import { RangeNode } from './watcher.ts';
import type { Watcher } from './watcher.ts';

/** Watchers by what they watch: single keys in a hash table, ranges in an interval tree. */
export class RangeIndex {
  readonly #singles = new Map<number, RangeNode>();
  readonly #ranges: IntervalTree;
  readonly #seed: number;
  #size = 0;
  /** What the last `match` found. */
  readonly matches: RangeNode[] = [];

  constructor(random: Random) {
    this.#ranges = new IntervalTree(random);
    // Seeded, so that nobody can choose keys that collide.
    this.#seed = Math.floor(random.next() * 0x100000000) | 0;
  }

  /** How many watchers there are. */
  get size(): number {
    return this.#size;
  }

  add(watcher: Watcher): void {
    let node = watcher.isSingle
      ? this.#findSingle(watcher.key, 0, watcher.key.length)
      : this.#ranges.find(watcher.key, watcher.end);
    if (node === undefined) {
      node = new RangeNode(watcher);
      if (node.isSingle) this.#addSingle(node);
      else this.#ranges.add(node);
    }
    node.add(watcher);
    this.#size++;
  }

  remove(watcher: Watcher): void {
    const node = watcher.variant?.node;
    assert(node !== undefined, 'a watcher is removed once');
    node.remove(watcher);
    this.#size--;
    if (node.watcherCount > 0) return;
    if (node.isSingle) this.#removeSingle(node);
    else this.#ranges.remove(node);
  }

  /** Some watcher, if there is one: for taking all of them out, one by one. */
  any(): Watcher | undefined {
    const node = this.#ranges.root ?? this.#singles.values().next().value;
    return node?.variants.find((v) => v.watchers.length > 0)?.watchers.at(-1);
  }

  /** Leaves in `matches` every watched range that contains the key. */
  match(bytes: Uint8Array, offset: number, length: number): void {
    this.matches.length = 0;
    if (this.#singles.size > 0) {
      const node = this.#findSingle(bytes, offset, length);
      if (node !== undefined) this.matches.push(node);
    }
    this.#ranges.stab(bytes, offset, length, this.matches);
  }

  #hash(bytes: Bytes, offset: number, length: number): number {
    let hash = this.#seed;
    for (let i = offset, end = offset + length; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #findSingle(bytes: Bytes, offset: number, length: number): RangeNode | undefined {
    let node = this.#singles.get(this.#hash(bytes, offset, length));
    while (node !== undefined && !isSame(node.key, bytes, offset, length)) node = node.chained;
    return node;
  }

  #addSingle(node: RangeNode): void {
    node.hash = this.#hash(node.key, 0, node.key.length);
    node.chained = this.#singles.get(node.hash);
    this.#singles.set(node.hash, node);
  }

  #removeSingle(node: RangeNode): void {
    let at = this.#singles.get(node.hash);
    if (at === node) {
      if (node.chained === undefined) this.#singles.delete(node.hash);
      else this.#singles.set(node.hash, node.chained);
      return;
    }
    while (at !== undefined && at.chained !== node) at = at.chained;
    assert(at !== undefined, 'a removed key is in the table');
    at.chained = node.chained;
  }
}

function isSame(key: Bytes, bytes: Bytes, offset: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i]! !== bytes[offset + i]!) return false;
  return true;
}

import { assert } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { KeyId } from './constants.ts';
import type { Keys } from './keys.ts';
import * as layout from './tree-nodes.ts';
import { TreeNodes } from './tree-nodes.ts';
import { Path } from './tree-path.ts';
import { TreeRemoval } from './tree-removal.ts';

const {
  CHILD,
  COUNT,
  ENTRIES,
  INNER_CACHE,
  INNER_MAX,
  LEAF_CACHE,
  LEAF_MAX,
  LIVE,
  NEXT,
  PREFIX,
  PREVIOUS,
  SLOTS,
} = layout;

/** Bulk loading leaves some room, so that the first insertions after it do not split every leaf. */
const LEAF_LOADED = 60;
const INNER_LOADED = 30;

/**
 * An ordered tree (B+) of key ids in typed arrays. Inner nodes count the keys and the live keys below each child, so
 * that counting a range costs O(log n). Leaves are linked in both directions. A tree that has been emptied has returned
 * its nodes.
 */
export class KeyTree {
  readonly nodes: TreeNodes;
  readonly path = new Path();
  readonly #removal: TreeRemoval;
  root: number;
  /** Levels above the leaves. */
  height = 0;
  /** Grows with each key that comes or goes: a place in the tree is only good as long as it has not. */
  changes = 0;
  /** Result of `seek`: the leaf, and the slot in it, which may be behind its last one. */
  seekLeaf = 0;
  seekSlot = 0;
  /** Result of `rank`. */
  entriesBefore = 0;
  liveBefore = 0;

  constructor(keys: Keys) {
    this.nodes = new TreeNodes(keys);
    this.root = this.nodes.leaves.create();
    this.#removal = new TreeRemoval(this);
  }

  get memoryBytes(): number {
    return this.nodes.leaves.memoryBytes + this.nodes.inners.memoryBytes;
  }

  leafCount(leaf: number): number {
    return this.nodes.leaves.block(leaf)[this.nodes.leaves.base(leaf) + COUNT]!;
  }

  leafKey(leaf: number, slot: number): KeyId {
    return this.nodes.leaves.block(leaf)[this.nodes.leaves.base(leaf) + SLOTS + slot]! >>> 1;
  }

  /** Writes the keys of `count` slots of a leaf into `out` from `to` on. */
  copyKeys(leaf: number, slot: number, count: number, out: Uint32Array, to: number): void {
    const block = this.nodes.leaves.block(leaf);
    const base = this.nodes.leaves.base(leaf) + SLOTS + slot;
    for (let i = 0; i < count; i++) out[to + i] = block[base + i]! >>> 1;
  }

  leafNext(leaf: number): number {
    return this.nodes.leaves.block(leaf)[this.nodes.leaves.base(leaf) + NEXT]!;
  }

  leafPrevious(leaf: number): number {
    return this.nodes.leaves.block(leaf)[this.nodes.leaves.base(leaf) + PREVIOUS]!;
  }

  /** Finds the first key not below the one given. */
  seek(buffer: Uint8Array, start: number, length: number): void {
    this.nodes.setProbe(buffer, start, length);
    const skip = this.#descend(0, 0);
    this.seekLeaf = this.path.node[0]!;
    this.seekSlot = this.nodes.position(true, this.seekLeaf, 0, skip, false);
  }

  /** Finds the place behind the last key. */
  seekEnd(): void {
    const { inners } = this.nodes;
    let node = this.root;
    for (let level = this.height; level > 0; level--) {
      const last = inners.block(node)[inners.base(node) + COUNT]! - 1;
      this.path.node[level] = node;
      this.path.slot[level] = last;
      node = inners.block(node)[inners.base(node) + CHILD + last]!;
    }
    this.seekLeaf = node;
    this.seekSlot = this.leafCount(node);
  }

  /** Counts the keys below the one given; undefined: all keys. */
  rank(key: Uint8Array | undefined): void {
    if (key === undefined) this.seekEnd();
    else this.seek(key, 0, key.length);
    this.entriesBefore = this.seekSlot;
    this.liveBefore = 0;
    for (let level = this.height; level > 0; level--)
      this.#addBefore(this.path.node[level]!, this.path.slot[level]!);
    const block = this.nodes.leaves.block(this.seekLeaf);
    const base = this.nodes.leaves.base(this.seekLeaf) + SLOTS;
    for (let i = 0; i < this.seekSlot; i++) this.liveBefore += block[base + i]! & 1;
  }

  /** Inserts a key that is not there; the bytes are its own. */
  insert(key: KeyId, live: boolean, buffer: Uint8Array, start: number, length: number): void {
    const nodes = this.nodes;
    nodes.setProbe(buffer, start, length);
    const skip = this.#descend(1, live ? 1 : 0);
    const leaf = this.path.node[0]!;
    const slot = nodes.position(true, leaf, 0, skip, false);
    this.changes++;
    const word = key * 2 + (live ? 1 : 0);
    if (this.leafCount(leaf) < LEAF_MAX) this.#put(leaf, slot, word, nodes.shared);
    else this.#splitLeaf(leaf, slot, word);
  }

  /** Takes a key away. Its bytes must still be found, by others that are compared with it. */
  remove(key: KeyId, live: boolean, buffer: Uint8Array, start: number, length: number): void {
    this.nodes.setProbe(buffer, start, length);
    const skip = this.#descend(-1, live ? -1 : 0);
    const slot = this.nodes.position(true, this.path.node[0]!, 0, skip, false);
    this.changes++;
    this.#removal.removeAt(slot, key);
  }

  /** Notes that a key has become live, or no longer is. */
  setLive(key: KeyId, live: boolean, buffer: Uint8Array, start: number, length: number): void {
    this.nodes.setProbe(buffer, start, length);
    const skip = this.#descend(0, live ? 1 : -1);
    const leaf = this.path.node[0]!;
    const slot = this.nodes.position(true, leaf, 0, skip, false);
    assert(this.leafKey(leaf, slot) === key, 'a key is where the tree leads to');
    this.nodes.leaves.block(leaf)[this.nodes.leaves.base(leaf) + SLOTS + slot] = key * 2 + (live ? 1 : 0);
  }

  /** Forgets everything and takes over `count` keys in order, each as key id * 2 + live. */
  build(sorted: Uint32Array, count: number): void {
    const { leaves, inners } = this.nodes;
    leaves.clear();
    inners.clear();
    this.height = 0;
    this.changes++;
    this.root = leaves.create();
    if (count === 0) return;
    let last = this.root;
    const level: number[] = [];
    for (let at = 0; at < count; at += LEAF_LOADED) {
      const leaf = at === 0 ? this.root : this.linkAfter(last);
      const taken = Math.min(LEAF_LOADED, count - at);
      leaves.block(leaf).set(sorted.subarray(at, at + taken), leaves.base(leaf) + SLOTS);
      leaves.block(leaf)[leaves.base(leaf) + COUNT] = taken;
      this.nodes.refreshLeaf(leaf, true);
      level.push(leaf);
      last = leaf;
    }
    this.#buildInner(
      level,
      Float64Array.from(level, (leaf) => this.leafKey(leaf, 0)),
    );
  }

  /** Puts a new leaf behind `leaf` into the chain of leaves. */
  linkAfter(leaf: number): number {
    const { leaves } = this.nodes;
    const right = leaves.create();
    const next = this.leafNext(leaf);
    leaves.block(leaf)[leaves.base(leaf) + NEXT] = right;
    leaves.block(right)[leaves.base(right) + PREVIOUS] = leaf;
    leaves.block(right)[leaves.base(right) + NEXT] = next;
    if (next !== NONE) leaves.block(next)[leaves.base(next) + PREVIOUS] = right;
    return right;
  }

  #buildInner(level: number[], smallest: Float64Array): void {
    const { inners } = this.nodes;
    while (level.length > 1) {
      const above: number[] = [];
      const smallestAbove = new Float64Array(Math.ceil(level.length / INNER_LOADED));
      for (let at = 0; at < level.length; at += INNER_LOADED) {
        const inner = inners.create();
        const taken = Math.min(INNER_LOADED, level.length - at);
        const block = inners.block(inner);
        const base = inners.base(inner);
        block[base + COUNT] = taken;
        for (let i = 0; i < taken; i++) {
          block[base + SLOTS + i] = smallest[at + i]! * 2;
          block[base + CHILD + i] = level[at + i]!;
          this.recount(inner, i, this.height + 1);
        }
        this.nodes.refreshInner(inner);
        smallestAbove[above.length] = smallest[at]!;
        above.push(inner);
      }
      level = above;
      smallest = smallestAbove;
      this.height++;
    }
    this.root = level[0]!;
  }

  /** Counts what is below a child of an inner node at `level` anew. */
  recount(inner: number, slot: number, level: number): void {
    const { leaves, inners } = this.nodes;
    const block = inners.block(inner);
    const base = inners.base(inner);
    const child = block[base + CHILD + slot]!;
    let entries = 0;
    let live = 0;
    if (level === 1) {
      const leaf = leaves.block(child);
      const leafBase = leaves.base(child) + SLOTS;
      entries = this.leafCount(child);
      for (let i = 0; i < entries; i++) live += leaf[leafBase + i]! & 1;
    } else {
      const below = inners.block(child);
      const belowBase = inners.base(child);
      const count = below[belowBase + COUNT]!;
      for (let i = 0; i < count; i++) {
        entries += below[belowBase + ENTRIES + i]!;
        live += below[belowBase + LIVE + i]!;
      }
    }
    block[base + ENTRIES + slot] = entries;
    block[base + LIVE + slot] = live;
  }

  /** Goes to the leaf where the probe belongs, adding to the counts on the way. Returns how many bytes are shared. */
  #descend(entries: number, live: number): number {
    const { inners } = this.nodes;
    let node = this.root;
    let skip = 0;
    for (let level = this.height; level > 0; level--) {
      const slot = this.nodes.position(false, node, 1, skip, true) - 1;
      const block = inners.block(node);
      const base = inners.base(node);
      // Between two keys of this node everything has what they have in common, also the keys below and the probe.
      if (slot > 0 && slot < block[base + COUNT]! - 1) {
        const at = base + INNER_CACHE + slot;
        skip = Math.max(skip, block[base + PREFIX]! + commonBytes(block[at]!, block[at + 1]!));
      }
      this.path.node[level] = node;
      this.path.slot[level] = slot;
      if (entries !== 0) block[base + ENTRIES + slot] = block[base + ENTRIES + slot]! + entries;
      if (live !== 0) block[base + LIVE + slot] = block[base + LIVE + slot]! + live;
      node = block[base + CHILD + slot]!;
    }
    this.path.node[0] = node;
    return skip;
  }

  #addBefore(inner: number, slot: number): void {
    const block = this.nodes.inners.block(inner);
    const base = this.nodes.inners.base(inner);
    for (let i = 0; i < slot; i++) {
      this.entriesBefore += block[base + ENTRIES + i]!;
      this.liveBefore += block[base + LIVE + i]!;
    }
  }

  /** Puts the probe's key into a leaf that has room; it shares `shared` bytes with the prefix of the leaf. */
  #put(leaf: number, slot: number, word: number, shared: number): void {
    const block = this.nodes.leaves.block(leaf);
    const base = this.nodes.leaves.base(leaf);
    const count = block[base + COUNT]!;
    block[base + COUNT] = count + 1;
    if (count === 0) {
      block[base + SLOTS] = word;
      this.nodes.refreshLeaf(leaf, true);
      return;
    }
    if (shared < block[base + PREFIX]!) this.nodes.shrinkLeaf(leaf, shared);
    const slots = base + SLOTS;
    const cache = base + LEAF_CACHE;
    for (let i = count; i > slot; i--) {
      block[slots + i] = block[slots + i - 1]!;
      block[cache + i] = block[cache + i - 1]!;
    }
    block[slots + slot] = word;
    block[cache + slot] = this.nodes.probeWord(block[base + PREFIX]!);
  }

  /** A key behind the last one gets a leaf of its own, so that keys that arrive in order leave full leaves behind. */
  #splitLeaf(leaf: number, slot: number, word: number): void {
    const { leaves } = this.nodes;
    const right = this.linkAfter(leaf);
    if (slot === LEAF_MAX) {
      this.#put(right, 0, word, 0);
    } else {
      const kept = LEAF_MAX / 2;
      const from = leaves.block(leaf);
      const fromBase = leaves.base(leaf);
      const to = leaves.block(right);
      const toBase = leaves.base(right);
      for (let i = kept; i < LEAF_MAX; i++) {
        to[toBase + SLOTS + i - kept] = from[fromBase + SLOTS + i]!;
        to[toBase + LEAF_CACHE + i - kept] = from[fromBase + LEAF_CACHE + i]!;
      }
      from[fromBase + COUNT] = kept;
      to[toBase + COUNT] = LEAF_MAX - kept;
      to[toBase + PREFIX] = from[fromBase + PREFIX]!;
      this.nodes.refreshLeaf(leaf, false);
      this.nodes.refreshLeaf(right, false);
      const target = slot <= kept ? leaf : right;
      const prefix = leaves.block(target)[leaves.base(target) + PREFIX]!;
      const shared = this.nodes.sharedWith(this.leafKey(target, 0), prefix);
      this.#put(target, slot <= kept ? slot : slot - kept, word, shared);
    }
    this.#addChild(1, leaf, right, this.leafKey(right, 0));
  }

  /** Tells the level above that `node` has been split and that `right`, from `smallest` on, is behind it. */
  #addChild(level: number, node: number, right: number, smallest: KeyId): void {
    const { inners } = this.nodes;
    if (level > this.height) {
      const root = inners.create();
      const block = inners.block(root);
      const base = inners.base(root);
      block[base + COUNT] = 1;
      block[base + CHILD] = node;
      this.root = root;
      this.height = level;
      this.path.node[level] = root;
      this.path.slot[level] = 0;
    }
    let parent = this.path.node[level]!;
    let slot = this.path.slot[level]!;
    this.recount(parent, slot, level);
    if (inners.block(parent)[inners.base(parent) + COUNT] === INNER_MAX) {
      const sibling = inners.create();
      const kept = slot === INNER_MAX - 1 ? INNER_MAX : INNER_MAX / 2;
      const siblingSmallest = kept === INNER_MAX ? smallest : this.#innerKey(parent, kept);
      this.#moveChildren(parent, kept, sibling);
      if (slot >= kept || kept === INNER_MAX) {
        if (kept === INNER_MAX) this.#putChild(sibling, 0, right, smallest, level);
        else this.#putChild(sibling, slot - kept + 1, right, smallest, level);
      } else {
        this.#putChild(parent, slot + 1, right, smallest, level);
      }
      this.#addChild(level + 1, parent, sibling, siblingSmallest);
      return;
    }
    parent = this.path.node[level]!;
    slot = this.path.slot[level]!;
    this.#putChild(parent, slot + 1, right, smallest, level);
  }

  #innerKey(inner: number, slot: number): KeyId {
    return this.nodes.inners.block(inner)[this.nodes.inners.base(inner) + SLOTS + slot]! >>> 1;
  }

  /** Moves the children from slot `kept` on to an empty node. */
  #moveChildren(from: number, kept: number, to: number): void {
    const { inners } = this.nodes;
    const source = inners.block(from);
    const sourceBase = inners.base(from);
    const target = inners.block(to);
    const targetBase = inners.base(to);
    const count = source[sourceBase + COUNT]!;
    for (let i = kept; i < count; i++) {
      for (const column of [SLOTS, CHILD, ENTRIES, LIVE]) {
        target[targetBase + column + i - kept] = source[sourceBase + column + i]!;
      }
    }
    source[sourceBase + COUNT] = kept;
    target[targetBase + COUNT] = count - kept;
    this.nodes.refreshInner(from);
    this.nodes.refreshInner(to);
  }

  #putChild(inner: number, slot: number, child: number, smallest: KeyId, level: number): void {
    const { inners } = this.nodes;
    const block = inners.block(inner);
    const base = inners.base(inner);
    const count = block[base + COUNT]!;
    for (const column of [SLOTS, CHILD, ENTRIES, LIVE]) {
      const at = base + column;
      for (let i = count; i > slot; i--) block[at + i] = block[at + i - 1]!;
    }
    block[base + SLOTS + slot] = smallest * 2;
    block[base + CHILD + slot] = child;
    block[base + COUNT] = count + 1;
    this.recount(inner, slot, level);
    this.nodes.refreshInner(inner);
  }
}

/** How many leading bytes of two cached words are equal; a zero is not counted, it may stand behind the end of a key. */
function commonBytes(a: number, b: number): number {
  const equal = Math.clz32(a ^ b) >>> 3;
  let common = 0;
  while (common < equal && ((a >>> (24 - 8 * common)) & 0xff) !== 0) common++;
  return common;
}

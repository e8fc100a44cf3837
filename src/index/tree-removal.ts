import { assert } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { KeyId } from './constants.ts';
import * as layout from './tree-nodes.ts';
import type { TreeNodes } from './tree-nodes.ts';
import type { Path } from './tree-path.ts';

const { CHILD, COUNT, ENTRIES, INNER_MAX, LEAF_CACHE, LEAF_MAX, LIVE, NEXT, PREFIX, PREVIOUS, SLOTS } =
  layout;

/** What removing needs of the tree; its `path` leads to the key that goes. */
interface ShrinkingTree {
  readonly nodes: TreeNodes;
  readonly path: Path;
  root: number;
  height: number;
  leafKey(leaf: number, slot: number): KeyId;
  leafNext(leaf: number): number;
  leafPrevious(leaf: number): number;
}

/** A node this full or less is merged with a neighbour below the same parent, if that leaves a quarter of room. */
const LEAF_FEW = LEAF_MAX / 4;
const LEAF_MERGED_MAX = (LEAF_MAX * 3) / 4;
const INNER_FEW = INNER_MAX / 4;
const INNER_MERGED_MAX = (INNER_MAX * 3) / 4;

/** The second half of removing a key: the tree has gone down to it and left the way in `path`. */
export class TreeRemoval {
  readonly #tree: ShrinkingTree;

  constructor(tree: ShrinkingTree) {
    this.#tree = tree;
  }

  removeAt(slot: number, key: KeyId): void {
    const { leaves } = this.#tree.nodes;
    const leaf = this.#tree.path.node[0]!;
    const block = leaves.block(leaf);
    const base = leaves.base(leaf);
    const count = block[base + COUNT]! - 1;
    assert(
      slot <= count && this.#tree.leafKey(leaf, slot) === key,
      'a removed key is where the tree leads to',
    );
    for (let i = slot; i < count; i++) {
      block[base + SLOTS + i] = block[base + SLOTS + i + 1]!;
      block[base + LEAF_CACHE + i] = block[base + LEAF_CACHE + i + 1]!;
    }
    block[base + COUNT] = count;
    if (this.#tree.height === 0) return;
    if (count === 0) {
      this.#unlink(leaf);
      this.#dropChild(1);
      return;
    }
    if (slot === 0) this.#replaceSmallest(1, this.#tree.leafKey(leaf, 0));
    if (count <= LEAF_FEW) this.#mergeLeaf();
  }

  #unlink(leaf: number): void {
    const { leaves } = this.#tree.nodes;
    const next = this.#tree.leafNext(leaf);
    const previous = this.#tree.leafPrevious(leaf);
    if (next !== NONE) leaves.block(next)[leaves.base(next) + PREVIOUS] = previous;
    if (previous !== NONE) leaves.block(previous)[leaves.base(previous) + NEXT] = next;
    leaves.release(leaf);
  }

  /** The child that the path takes at `level` is gone. */
  #dropChild(level: number): void {
    const { inners } = this.#tree.nodes;
    const inner = this.#tree.path.node[level]!;
    const slot = this.#tree.path.slot[level]!;
    if (inners.block(inner)[inners.base(inner) + COUNT] === 1) {
      inners.release(inner);
      if (level < this.#tree.height) {
        this.#dropChild(level + 1);
      } else {
        this.#tree.root = this.#tree.nodes.leaves.create();
        this.#tree.height = 0;
      }
      return;
    }
    this.#closeSlot(inner, slot);
    if (slot === 0) {
      // What was the second child is now the first one; the key it began with is the smallest below this node.
      this.#replaceSmallest(level + 1, inners.block(inner)[inners.base(inner) + SLOTS]! >>> 1);
    }
    this.#tidyInner(level);
  }

  #closeSlot(inner: number, slot: number): void {
    const { inners } = this.#tree.nodes;
    const block = inners.block(inner);
    const base = inners.base(inner);
    const count = block[base + COUNT]! - 1;
    for (const column of [SLOTS, layout.INNER_CACHE, CHILD, ENTRIES, LIVE]) {
      const at = base + column;
      for (let i = slot; i < count; i++) block[at + i] = block[at + i + 1]!;
    }
    block[base + COUNT] = count;
  }

  /** The smallest key below the path's node under `level` is now `key`: whoever names it is told. */
  #replaceSmallest(level: number, key: KeyId): void {
    const { inners } = this.#tree.nodes;
    for (; level <= this.#tree.height; level++) {
      const slot = this.#tree.path.slot[level]!;
      if (slot === 0) continue;
      const inner = this.#tree.path.node[level]!;
      inners.block(inner)[inners.base(inner) + SLOTS + slot] = key * 2;
      this.#tree.nodes.refreshInner(inner);
      return;
    }
  }

  #mergeLeaf(): void {
    const { leaves, inners } = this.#tree.nodes;
    const parent = this.#tree.path.node[1]!;
    const block = inners.block(parent);
    const base = inners.base(parent);
    const right = this.#pairFor(parent, this.#tree.path.slot[1]!, LEAF_MERGED_MAX, 1);
    if (right === 0) return;
    const left = block[base + CHILD + right - 1]!;
    const source = block[base + CHILD + right]!;
    const to = leaves.block(left);
    const toBase = leaves.base(left);
    const from = leaves.block(source);
    const fromBase = leaves.base(source);
    const kept = to[toBase + COUNT]!;
    const moved = from[fromBase + COUNT]!;
    for (let i = 0; i < moved; i++) to[toBase + SLOTS + kept + i] = from[fromBase + SLOTS + i]!;
    to[toBase + COUNT] = kept + moved;
    to[toBase + PREFIX] = 0;
    this.#tree.nodes.refreshLeaf(left, true);
    this.#unlink(source);
    this.#joinCounts(parent, right);
    this.#tidyInner(1);
  }

  /** The slot, of this one and the next, that can be merged into the one before it; 0 when there is none. */
  #pairFor(parent: number, slot: number, mergedMax: number, level: number): number {
    const { inners, leaves } = this.#tree.nodes;
    const block = inners.block(parent);
    const base = inners.base(parent);
    const pool = level === 1 ? leaves : inners;
    const countOf = (at: number): number => {
      const child = block[base + CHILD + at]!;
      return pool.block(child)[pool.base(child) + COUNT]!;
    };
    const own = countOf(slot);
    if (slot + 1 < block[base + COUNT]! && own + countOf(slot + 1) <= mergedMax) return slot + 1;
    if (slot > 0 && own + countOf(slot - 1) <= mergedMax) return slot;
    return 0;
  }

  #joinCounts(parent: number, right: number): void {
    const { inners } = this.#tree.nodes;
    const block = inners.block(parent);
    const base = inners.base(parent);
    for (const column of [ENTRIES, LIVE]) {
      const at = base + column + right;
      block[at - 1] = block[at - 1]! + block[at]!;
    }
    this.#closeSlot(parent, right);
  }

  /** An inner node has lost a child: merges it, or takes a root with a single child away. */
  #tidyInner(level: number): void {
    const tree = this.#tree;
    const { inners } = tree.nodes;
    if (level === tree.height) {
      while (tree.height > 0 && inners.block(tree.root)[inners.base(tree.root) + COUNT] === 1) {
        const child = inners.block(tree.root)[inners.base(tree.root) + CHILD]!;
        inners.release(tree.root);
        tree.root = child;
        tree.height--;
      }
      return;
    }
    const inner = tree.path.node[level]!;
    if (inners.block(inner)[inners.base(inner) + COUNT]! > INNER_FEW) return;
    const parent = tree.path.node[level + 1]!;
    const right = this.#pairFor(parent, tree.path.slot[level + 1]!, INNER_MERGED_MAX, level + 1);
    if (right === 0) return;
    const block = inners.block(parent);
    const base = inners.base(parent);
    const left = block[base + CHILD + right - 1]!;
    const source = block[base + CHILD + right]!;
    const to = inners.block(left);
    const toBase = inners.base(left);
    const from = inners.block(source);
    const fromBase = inners.base(source);
    const kept = to[toBase + COUNT]!;
    const moved = from[fromBase + COUNT]!;
    for (const column of [SLOTS, CHILD, ENTRIES, LIVE]) {
      for (let i = 0; i < moved; i++) to[toBase + column + kept + i] = from[fromBase + column + i]!;
    }
    to[toBase + SLOTS + kept] = block[base + SLOTS + right]!;
    to[toBase + COUNT] = kept + moved;
    tree.nodes.refreshInner(left);
    inners.release(source);
    this.#joinCounts(parent, right);
    this.#tidyInner(level + 1);
  }
}

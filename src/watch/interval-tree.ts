import type { Bytes, Random } from '../base/index.ts';
import { compareBytes } from '../base/index.ts';
import type { RangeNode } from './watcher.ts';

/** Compares a key that lies inside a larger buffer with another key. */
function compareRun(bytes: Uint8Array, offset: number, length: number, other: Bytes): number {
  const otherLength = other.length;
  const common = length < otherLength ? length : otherLength;
  for (let i = 0; i < common; i++) {
    const difference = bytes[offset + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}

function compareEnds(a: Bytes | undefined, b: Bytes | undefined): number {
  if (a === undefined) return b === undefined ? 0 : 1;
  return b === undefined ? -1 : compareBytes(a, b);
}

function compareNodes(key: Bytes, end: Bytes | undefined, node: RangeNode): number {
  return compareBytes(key, node.key) || compareEnds(end, node.end);
}

/**
 * Ranges of keys, found by a key that they contain: a treap ordered by (start, end) in which every node knows the highest
 * end below it. Finding costs O(log ranges) and O(log ranges) at most for each range found; so do changes.
 */
export class IntervalTree {
  readonly #random: Random;
  #root: RangeNode | undefined = undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get root(): RangeNode | undefined {
    return this.#root;
  }

  find(key: Bytes, end: Bytes | undefined): RangeNode | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compareNodes(key, end, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Adds a range that is not in the tree. */
  add(node: RangeNode): void {
    node.priority = this.#random.next();
    node.left = undefined;
    node.right = undefined;
    this.#root = this.#insert(this.#root, node);
  }

  /** Removes a range that is in the tree. */
  remove(node: RangeNode): void {
    this.#root = this.#delete(this.#root, node);
  }

  /** Appends every range that contains the key to `found`. */
  stab(bytes: Uint8Array, offset: number, length: number, found: RangeNode[]): void {
    if (this.#root !== undefined) stabFrom(this.#root, bytes, offset, length, found);
  }

  #insert(root: RangeNode | undefined, node: RangeNode): RangeNode {
    if (root === undefined) return update(node);
    if (node.priority > root.priority) {
      split(root, node);
      return update(node);
    }
    if (compareNodes(node.key, node.end, root) < 0) root.left = this.#insert(root.left, node);
    else root.right = this.#insert(root.right, node);
    return update(root);
  }

  #delete(root: RangeNode | undefined, node: RangeNode): RangeNode | undefined {
    if (root === undefined) return undefined;
    if (root === node) return merge(root.left, root.right);
    if (compareNodes(node.key, node.end, root) < 0) root.left = this.#delete(root.left, node);
    else root.right = this.#delete(root.right, node);
    return update(root);
  }
}

function update(node: RangeNode): RangeNode {
  let end = node.end;
  if (node.left !== undefined && compareEnds(node.left.endMax, end) > 0) end = node.left.endMax;
  if (node.right !== undefined && compareEnds(node.right.endMax, end) > 0) end = node.right.endMax;
  node.endMax = end;
  return node;
}

/** Makes what is below and above `node` in the tree under `root` its children. */
function split(root: RangeNode, node: RangeNode): void {
  let below: RangeNode | undefined;
  let above: RangeNode | undefined;
  const path: RangeNode[] = [];
  let at: RangeNode | undefined = root;
  while (at !== undefined) {
    path.push(at);
    if (compareNodes(node.key, node.end, at) < 0) {
      if (above === undefined) node.right = at;
      else above.left = at;
      above = at;
      at = at.left;
    } else {
      if (below === undefined) node.left = at;
      else below.right = at;
      below = at;
      at = at.right;
    }
  }
  if (above === undefined) node.right = undefined;
  else above.left = undefined;
  if (below === undefined) node.left = undefined;
  else below.right = undefined;
  for (let i = path.length - 1; i >= 0; i--) update(path[i]!);
}

function merge(a: RangeNode | undefined, b: RangeNode | undefined): RangeNode | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a.priority > b.priority) {
    a.right = merge(a.right, b);
    return update(a);
  }
  b.left = merge(a, b.left);
  return update(b);
}

function stabFrom(
  from: RangeNode,
  bytes: Uint8Array,
  offset: number,
  length: number,
  found: RangeNode[],
): void {
  let node: RangeNode | undefined = from;
  while (node !== undefined) {
    if (compareRun(bytes, offset, length, node.key) < 0) {
      node = node.left;
      continue;
    }
    if (isBelow(bytes, offset, length, node.end)) found.push(node);
    const { left } = node;
    if (left !== undefined && isBelow(bytes, offset, length, left.endMax)) {
      stabFrom(left, bytes, offset, length, found);
    }
    node = node.right;
  }
}

function isBelow(bytes: Uint8Array, offset: number, length: number, end: Bytes | undefined): boolean {
  return end === undefined || compareRun(bytes, offset, length, end) < 0;
}

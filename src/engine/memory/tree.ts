import { assert, compareBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { copyOf } from './copy.ts';

/** Entries in a leaf, children in a branch. Copying a path of such nodes is what a write after a snapshot costs. */
const WIDTH_MAX = 64;

interface Leaf {
  readonly owner: number;
  readonly keys: Bytes[];
  readonly values: Bytes[];
}
/** `keys[i]` is not above any key below `children[i + 1]`, and above every key below `children[i]`. */
interface Branch {
  readonly owner: number;
  readonly keys: Bytes[];
  readonly children: Node[];
}
type Node = Leaf | Branch;

/** A state of the tree that no longer changes. */
export interface FrozenTree {
  get(key: Bytes): Bytes | undefined;
  /** Runs of neighbouring entries, in order; `reverse` from the last to the first. The arrays must not be changed. */
  runs(range: RunsRange): Generator<Run>;
}
export interface RunsRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
  readonly reverse: boolean;
}
/** The entries from index `from` on and below `to`; read from the end when the walk is in reverse. */
export interface Run {
  readonly keys: readonly Bytes[];
  readonly values: readonly Bytes[];
  readonly from: number;
  readonly to: number;
}

/**
 * An ordered map as a B+ tree that is copied on write.
 *
 * 1. Every node names its owner, a number that `freeze` counts up. A node of the present owner is in no frozen tree and
 *    is changed in place; any other is copied first. So a frozen tree costs nothing but the paths changed after it.
 * 2. A full node is split on the way down, so that a branch always has room for one more child.
 * 3. A node that becomes empty is unlinked; nodes are not merged otherwise. Keys that come in order and go in order,
 *    as those of a log do, leave no sparse nodes behind.
 */
export class CowTree {
  #root: Node = { owner: 0, keys: [], values: [] };
  #owner = 0;

  get(key: Bytes): Bytes | undefined {
    return find(this.#root, key);
  }

  freeze(): FrozenTree {
    const root = this.#root;
    this.#owner++;
    return { get: (key) => find(root, key), runs: (range) => walk(root, range) };
  }

  /** Keeps `value`, and a copy of a new key; returns the value that was replaced. */
  set(key: Bytes, value: Bytes): Bytes | undefined {
    let node = this.#own(this.#root);
    if (isFull(node)) {
      const root: Branch = { owner: this.#owner, keys: [], children: [node] };
      this.#split(root, 0);
      node = root;
    }
    this.#root = node;
    while ('children' in node) node = this.#descend(node, key);
    const i = lowerBound(node.keys, key);
    const found = node.keys[i];
    if (found !== undefined && compareBytes(found, key) === 0) {
      const replaced = node.values[i]!;
      node.values[i] = value;
      return replaced;
    }
    insertAt(node.keys, i, copyOf(key));
    insertAt(node.values, i, value);
    return undefined;
  }

  /** Returns the value that was removed. */
  delete(key: Bytes): Bytes | undefined {
    const removed = find(this.#root, key);
    if (removed === undefined) return undefined;
    let root = this.#remove(this.#root, key) ?? { owner: this.#owner, keys: [], values: [] };
    while ('children' in root && root.children.length === 1) root = root.children[0]!;
    this.#root = root;
    return removed;
  }

  #own(node: Node): Node {
    if (node.owner === this.#owner) return node;
    const keys = node.keys.slice();
    if ('children' in node) return { owner: this.#owner, keys, children: node.children.slice() };
    return { owner: this.#owner, keys, values: node.values.slice() };
  }

  #descend(branch: Branch, key: Bytes): Node {
    const i = childIndex(branch, key);
    const child = this.#own(branch.children[i]!);
    branch.children[i] = child;
    if (!isFull(child)) return child;
    this.#split(branch, i);
    return branch.children[childIndex(branch, key)]!;
  }

  /** The child at `i` is full and owned; its upper half becomes the child at `i + 1`. */
  #split(branch: Branch, i: number): void {
    const child = branch.children[i]!;
    assert(child.owner === this.#owner, 'only an owned node is split');
    const half = WIDTH_MAX >>> 1;
    if ('children' in child) {
      const upper = {
        owner: this.#owner,
        keys: child.keys.splice(half),
        children: child.children.splice(half),
      };
      insertAt(branch.keys, i, child.keys[half - 1]!);
      child.keys.length = half - 1;
      insertAt(branch.children, i + 1, upper);
      return;
    }
    const upper = { owner: this.#owner, keys: child.keys.splice(half), values: child.values.splice(half) };
    insertAt(branch.keys, i, upper.keys[0]!);
    insertAt(branch.children, i + 1, upper);
  }

  /** Removes a key that is there; undefined when nothing is left of the node. */
  #remove(shared: Node, key: Bytes): Node | undefined {
    const node = this.#own(shared);
    if (!('children' in node)) {
      const i = lowerBound(node.keys, key);
      node.keys.splice(i, 1);
      node.values.splice(i, 1);
      return node.keys.length === 0 ? undefined : node;
    }
    const i = childIndex(node, key);
    const child = this.#remove(node.children[i]!, key);
    if (child !== undefined) {
      node.children[i] = child;
      return node;
    }
    node.children.splice(i, 1);
    node.keys.splice(i === 0 ? 0 : i - 1, 1);
    return node.children.length === 0 ? undefined : node;
  }
}

function isFull(node: Node): boolean {
  return 'children' in node ? node.children.length >= WIDTH_MAX : node.keys.length >= WIDTH_MAX;
}

function find(root: Node, key: Bytes): Bytes | undefined {
  let node = root;
  while ('children' in node) node = node.children[childIndex(node, key)]!;
  const i = lowerBound(node.keys, key);
  const found = node.keys[i];
  return found !== undefined && compareBytes(found, key) === 0 ? node.values[i] : undefined;
}

/**
 * How many keys are below `key`; or not above it, if `orEqual`. What the keys at either bound have in common with `key`, all keys between them have
 * too; so comparing begins there, which matters for the long common prefixes of a keyspace.
 */
function lowerBound(keys: readonly Bytes[], key: Bytes, orEqual = false): number {
  let low = 0;
  let high = keys.length;
  let lowCommon = 0;
  let highCommon = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = keys[middle]!;
    const length = other.length < key.length ? other.length : key.length;
    let i = lowCommon < highCommon ? lowCommon : highCommon;
    while (i < length && other[i] === key[i]) i++;
    const order = i < length ? other[i]! - key[i]! : other.length - key.length;
    if (order < 0 || (orEqual && order === 0)) {
      low = middle + 1;
      lowCommon = i;
    } else {
      high = middle;
      highCommon = i;
    }
  }
  return low;
}

/** Which child holds `key`, if any does: a key equal to a separator is to its right. */
function childIndex(branch: Branch, key: Bytes): number {
  return lowerBound(branch.keys, key, true);
}

function* walk(node: Node, range: RunsRange): Generator<Run> {
  if (!('children' in node)) {
    const from = lowerBound(node.keys, range.gte);
    const to = lowerBound(node.keys, range.lt);
    if (from < to) yield { keys: node.keys, values: node.values, from, to };
    return;
  }
  const first = childIndex(node, range.gte);
  const last = childIndex(node, range.lt);
  if (!range.reverse) for (let i = first; i <= last; i++) yield* walk(node.children[i]!, range);
  else for (let i = last; i >= first; i--) yield* walk(node.children[i]!, range);
}

/** `splice` for one item, without the arrays that it makes. */
function insertAt<T>(items: T[], index: number, item: T): void {
  items.push(item);
  for (let i = items.length - 1; i > index; i--) items[i] = items[i - 1]!;
  items[index] = item;
}

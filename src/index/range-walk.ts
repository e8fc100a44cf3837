import type { Bytes } from '../base/index.ts';
import { compareBytes, EMPTY_BYTES } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { Tables } from './tables.ts';

/** Beside the versions it finds, a call visits at most this many keys. */
const VISITS_EXTRA = 256;

/**
 * A cursor over the keys of a range that are live at a revision. The index may change between calls (also trimming, as
 * long as the revision stays readable): the walk then finds its place again by the bytes of the key it visited last.
 */
export class RangeWalk {
  readonly #tables: Tables;
  readonly #from: Bytes;
  readonly #to: Bytes | undefined;
  readonly #revision: number;
  readonly #descending: boolean;
  #changes = -1;
  #done = false;
  /** The next place to visit (descending: the one behind it), and where the range ends in the walk's direction. */
  #leaf = 0;
  #slot = 0;
  #endLeaf = 0;
  #endSlot = 0;
  /** The bytes of the key visited last. */
  #lastBuffer: Uint8Array | undefined;
  #lastStart = 0;
  #lastLength = 0;

  constructor(tables: Tables, from: Bytes, to: Bytes | undefined, revision: number, descending: boolean) {
    this.#tables = tables;
    this.#from = from;
    this.#to = to;
    this.#revision = revision;
    this.#descending = descending;
    this.#done = to !== undefined && compareBytes(from, to) >= 0;
  }

  /** True once every key of the range has been visited. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Fills `out` with versions in the order of the walk and returns how many. It visits a bounded number of keys a call
   * and so may return 0 before it is `done`, when few of the keys are live at the revision.
   */
  next(out: Uint32Array): number {
    if (this.#done || out.length === 0) return 0;
    if (this.#changes !== this.#tables.tree.changes) this.#place();
    return this.#descending ? this.#nextDown(out) : this.#nextUp(out);
  }

  #nextUp(out: Uint32Array): number {
    const { tree } = this.#tables;
    let found = 0;
    let visits = out.length + VISITS_EXTRA;
    let last = NONE;
    for (;;) {
      const isLastLeaf = this.#leaf === this.#endLeaf;
      const rest = (isLastLeaf ? this.#endSlot : tree.leafCount(this.#leaf)) - this.#slot;
      if (rest <= 0) {
        this.#done = isLastLeaf;
        if (isLastLeaf) break;
        this.#leaf = tree.leafNext(this.#leaf);
        this.#slot = 0;
        continue;
      }
      const count = Math.min(rest, out.length - found, visits);
      if (count === 0) break;
      tree.copyKeys(this.#leaf, this.#slot, count, out, found);
      this.#slot += count;
      visits -= count;
      last = out[found + count - 1]!;
      found = this.#liveVersions(out, found, count);
    }
    if (last !== NONE) this.#remember(last);
    return found;
  }

  #nextDown(out: Uint32Array): number {
    const { tree } = this.#tables;
    let found = 0;
    let visits = out.length + VISITS_EXTRA;
    let last = NONE;
    for (;;) {
      const isLastLeaf = this.#leaf === this.#endLeaf;
      const rest = this.#slot - (isLastLeaf ? this.#endSlot : 0);
      if (rest <= 0) {
        this.#done = isLastLeaf;
        if (isLastLeaf) break;
        this.#leaf = tree.leafPrevious(this.#leaf);
        this.#slot = tree.leafCount(this.#leaf);
        continue;
      }
      const count = Math.min(rest, out.length - found, visits);
      if (count === 0) break;
      this.#slot -= count;
      tree.copyKeys(this.#leaf, this.#slot, count, out, found);
      out.subarray(found, found + count).reverse();
      visits -= count;
      last = out[found + count - 1]!;
      found = this.#liveVersions(out, found, count);
    }
    if (last !== NONE) this.#remember(last);
    return found;
  }

  /**
   * Replaces `count` keys in `out` by their versions that are live at the revision, and returns the end of those. Pass by
   * pass over the keys of a leaf: what a pass reads lies anywhere in memory, and the processor waits for many such reads
   * at once where the next one does not depend on the one before.
   */
  #liveVersions(out: Uint32Array, from: number, count: number): number {
    const { keys, versions } = this.#tables;
    keys.newestOf(out, from, from + count);
    return versions.liveAt(out, from, from + count, this.#revision);
  }

  #remember(key: number): void {
    const { keys } = this.#tables;
    keys.locate(key);
    this.#lastBuffer = keys.buffer;
    this.#lastStart = keys.start;
    this.#lastLength = keys.length;
  }

  /** Finds the walk's place and the end of the range in the tree as it is now. */
  #place(): void {
    const { tree } = this.#tables;
    this.#changes = tree.changes;
    this.#seekBound(this.#descending ? this.#from : this.#to);
    this.#endLeaf = tree.seekLeaf;
    this.#endSlot = tree.seekSlot;
    if (this.#lastBuffer === undefined) {
      this.#seekBound(this.#descending ? this.#to : this.#from);
    } else {
      tree.seek(this.#lastBuffer, this.#lastStart, this.#lastLength);
      // Upwards the key visited last is passed; downwards the place behind the next one is just before it.
      if (!this.#descending && this.#isLast(tree.seekLeaf, tree.seekSlot)) tree.seekSlot++;
    }
    this.#leaf = tree.seekLeaf;
    this.#slot = tree.seekSlot;
  }

  /** The place of the first key not below `bound`; undefined: behind the last key. */
  #seekBound(bound: Bytes | undefined): void {
    const { tree } = this.#tables;
    if (bound === undefined) tree.seekEnd();
    else tree.seek(bound, 0, bound.length);
  }

  #isLast(leaf: number, slot: number): boolean {
    const { tree, keys } = this.#tables;
    if (slot >= tree.leafCount(leaf)) return false;
    const buffer = this.#lastBuffer ?? EMPTY_BYTES;
    return keys.equals(tree.leafKey(leaf, slot), buffer, this.#lastStart, this.#lastLength);
  }
}

import type { Bytes } from '../base/index.ts';
import { assert } from '../base/index.ts';
import type { VersionId } from '../index/index.ts';
import type { Watcher } from './watcher.ts';

/** The watchers of one range that get the same bytes. */
export interface Variant {
  readonly node: RangeNode;
  readonly shape: number;
  /** In no order; a watcher's `slot` is its place. */
  readonly watchers: Watcher[];
}

/** One range that is watched, with its watchers, and what has been collected for them. */
export class RangeNode {
  readonly key: Bytes;
  /** Exclusive; undefined: no end. Without meaning when `isSingle`. */
  readonly end: Bytes | undefined;
  readonly isSingle: boolean;
  readonly variants: Variant[] = [];
  watcherCount = 0;
  /** Versions collected for delivery, in order. */
  events: VersionId[] = [];

  // Of the table of single keys.
  hash = 0;
  chained: RangeNode | undefined = undefined;

  // Of the interval tree.
  priority = 0;
  left: RangeNode | undefined = undefined;
  right: RangeNode | undefined = undefined;
  /** The highest end in the subtree; undefined: no end. */
  endMax: Bytes | undefined;

  constructor(watcher: Watcher) {
    this.key = watcher.key;
    this.end = watcher.end;
    this.isSingle = watcher.isSingle;
    this.endMax = watcher.end;
  }

  add(watcher: Watcher): void {
    let variant = this.variants.find((v) => v.shape === watcher.shape);
    if (variant === undefined) {
      variant = { node: this, shape: watcher.shape, watchers: [] };
      this.variants.push(variant);
    }
    watcher.variant = variant;
    watcher.slot = variant.watchers.length;
    variant.watchers.push(watcher);
    this.watcherCount++;
  }

  /**
   * The last watcher of the variant takes the removed one's place: a loop that goes down from the last slot sees every
   * watcher that stays, and may see one twice.
   */
  remove(watcher: Watcher): void {
    const { variant } = watcher;
    assert(variant?.node === this, 'a watcher is removed from the range it is in');
    const { watchers } = variant;
    const last = watchers.pop();
    if (last !== undefined && last !== watcher) {
      watchers[watcher.slot] = last;
      last.slot = watcher.slot;
    }
    watcher.variant = undefined;
    this.watcherCount--;
  }
}

import type { Bytes } from '../base/index.ts';
import { assert } from '../base/index.ts';
import type { VersionId } from '../index/index.ts';
import type { Run } from './run.ts';
import type { WatchEnd } from './source.ts';

/** Bits of `Watcher.shape`: watchers of one range with the same bits get the same bytes. */
export const PREV_KV = 1;
export const NO_PUT = 2;
export const NO_DELETE = 4;

/** What a stream is to its watchers and to the passes that serve them. */
export interface Outlet {
  /** Whether events may be sent now: not closed, and the transport not full. */
  readonly isReady: boolean;
  readonly isClosed: boolean;
  /** Whether `sendEvents` may be called with this run. */
  takes(run: Run): boolean;
  /** Watchers that missed events and are in no pass: the transport was full, or too many of the stream catch up. */
  readonly stalled: Set<Watcher>;
  /** How many of the stream's watchers catch up now. */
  catchingUp: number;
  /** Sends the events of `run` from the one numbered `from` on. */
  sendEvents(watcher: Watcher, run: Run, from: number, headerRevision: number): void;
  /** Ends the stream with an error. */
  fail(end: WatchEnd): void;
}

/**
 * Where a watcher is:
 * - `in-pass`: in the live pass: it has, or is just being sent, all that is committed; or in one that brings it up.
 * - `waiting`: for a pass that brings it up.
 * - `stalled`: in its stream's set; only its cursor is kept.
 * - `compacted`: ended by a compaction; its id stays taken until the client cancels it, as in etcd.
 * - `gone`: cancelled, or its stream is closed.
 */
export type WatcherState = 'in-pass' | 'waiting' | 'stalled' | 'compacted' | 'gone';

/** What a watcher knows of the pass that it is in. */
export interface Home {
  /** Takes the watcher out and brings its own cursor up to date. */
  remove(watcher: Watcher): void;
}

/** One watch: a cursor. The hub owns `state`, `pass`, `variant` and `slot`; whoever delivers events moves `next`. */
export class Watcher {
  readonly stream: Outlet;
  readonly id: number;
  readonly key: Bytes;
  /** Exclusive; undefined: no end. Without meaning when `isSingle`. */
  readonly end: Bytes | undefined;
  readonly isSingle: boolean;
  readonly shape: number;
  readonly fragment: boolean;
  /** As the client gave it; 0: after what was committed then. */
  readonly startRevision: number;
  /** All below has been received. In a pass the cursor is the higher one of this and the pass's. */
  next: number;
  state: WatcherState = 'gone';
  pass: Home | undefined = undefined;
  variant: Variant | undefined = undefined;
  slot = 0;
  /** Counted in `stream.catchingUp`. */
  isCatchingUp = false;
  /** No event since the last progress tick. */
  isQuiet = true;

  constructor(
    stream: Outlet,
    fields: {
      id: number;
      key: Bytes;
      end: Bytes | undefined;
      isSingle: boolean;
      shape: number;
      fragment: boolean;
      startRevision: number;
      next: number;
    },
  ) {
    this.stream = stream;
    this.id = fields.id;
    this.key = fields.key;
    this.end = fields.end;
    this.isSingle = fields.isSingle;
    this.shape = fields.shape;
    this.fragment = fields.fragment;
    this.startRevision = fields.startRevision;
    this.next = fields.next;
  }
}

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

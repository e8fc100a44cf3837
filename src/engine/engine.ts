import type { Bytes } from '../base/index.ts';

/** What an engine can and cannot do. Callers branch on this, never on which engine it is. */
export interface Capabilities {
  /** Several processes may use the same data at once; the conditions of commits are what keeps them apart. */
  readonly shared: boolean;
  /** A commit that was answered `committed` survives the end of the process and of the machine. */
  readonly durable: boolean;
  /** Bound of one commit, in bytes: the keys and values of its writes together (see `batchBytes`). */
  readonly commitBytesMax: number;
}

/** `value: undefined` removes the key, which need not exist. */
export interface Write {
  readonly key: Bytes;
  readonly value: Bytes | undefined;
}

export interface Entry {
  readonly key: Bytes;
  readonly value: Bytes;
}

/** What must hold, for a key that the same commit writes, at the instant the commit takes effect. */
export type Condition =
  | { readonly key: Bytes; readonly is: 'absent' }
  | { readonly key: Bytes; readonly is: 'equal'; readonly value: Bytes };

export interface Batch {
  readonly conditions: readonly Condition[];
  /** At least one; each key at most once. Keys are not empty and sort below `KEY_END`. */
  readonly writes: readonly Write[];
}

/**
 * How a commit ended.
 * - `committed`: all of it is stored, durably if the engine is durable.
 * - `conflict`: the condition on `key` did not hold; nothing was or will be written. With several that do not hold,
 *   `key` is any one of them.
 * - `uncertain`: it may be stored now, or become stored later, or never. The caller settles it: the same batch is sent
 *   again until the answer is one of the other two.
 */
export type CommitResult =
  | { readonly kind: 'committed' }
  | { readonly kind: 'conflict'; readonly key: Bytes }
  | { readonly kind: 'uncertain'; readonly cause: Error };

/** Keys from `gte` on and below `lt`; none if `lt <= gte`. */
export interface ScanRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
  /** From the last key to the first. @default false */
  readonly reverse?: boolean;
  /** At most so many entries, counted from where the scan begins. @default no limit */
  readonly limit?: number;
}

/**
 * A consistent view: what was committed when it was taken, and nothing that came later, whatever is committed
 * meanwhile. It holds resources of the engine until it is disposed (`await using`), so it should live for one piece of
 * work. After it is disposed, or its engine closed, its reads reject with an `EngineError` `closed`; an engine that
 * had to reopen its store may end it early, with a `snapshot_lost` that a new snapshot gets over.
 *
 * The bytes it returns belong to the caller: nobody else keeps or changes them.
 */
export interface Snapshot extends AsyncDisposable {
  /** The value of `key`, or undefined if there is none. */
  get(key: Bytes): Promise<Bytes | undefined>;
  /**
   * The entries of a range in the order of their keys, in batches that are not empty. A batch ends at the latest with
   * the entry that takes it to `SCAN_BATCH_BYTES_MAX`. At most one batch is read ahead; leaving the loop early releases
   * everything.
   */
  scan(range: ScanRange): AsyncIterable<readonly Entry[]>;
}

/** The keys from `gte` on that sort below `lt`. */
export interface KeyRange {
  readonly gte: Bytes;
  readonly lt: Bytes;
}

/** A batch of a scan ends once it holds so many bytes of keys and values, if not earlier. */
export const SCAN_BATCH_BYTES_MAX = 1024 * 1024;

/** Every key sorts below this one. It and what sorts above belong to the engines, for records of their own. */
export const KEY_END: Bytes = Buffer.alloc(8, 0xff);

/**
 * A transactional ordered key-value store. Keys are compared as unsigned bytes, shorter first.
 *
 * All methods may be called at any time. After `close` was called they reject with an `EngineError` `closed`.
 */
export interface Engine {
  readonly capabilities: Capabilities;

  /** A consistent view that holds every commit that was answered before this call. */
  snapshot(): Promise<Snapshot>;

  /**
   * Writes all of `batch` or nothing of it. Commits that are in flight together take effect in some order; those of one
   * caller on an engine that is not `shared` in the order of the calls.
   *
   * Rejects (`EngineError`) only when this call wrote and will write nothing: `too_large`, `aborted`, `overloaded`,
   * `closed`. That speaks of this call alone, not of an earlier, uncertain one with the same batch.
   *
   * @param batch its bytes must not change until the promise settles; the engine keeps no reference afterwards.
   * @param signal aborted before the commit is sent to the store: rejects with `aborted`. Afterwards it has no effect,
   *   because a commit cannot be called back.
   */
  commit(batch: Batch, signal: AbortSignal): Promise<CommitResult>;

  /** What the store takes up, in bytes, about a second old at most: the size on disk where there is a disk. */
  sizeBytes(): Promise<number>;

  /**
   * Gives the space of removed and overwritten data back: of the keys of `range`, or of all. May take long; serving goes
   * on meanwhile.
   */
  compact(range?: KeyRange): Promise<void>;

  /** Waits for the commits in flight, ends open snapshots, releases the store. Calling it again is harmless. */
  close(): Promise<void>;
}

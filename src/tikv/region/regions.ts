import type { Bytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from '../store-messages.ts';
import type { Region } from './region.ts';

/**
 * Which region holds which keys, and calls to it. All keys and bounds are raw.
 *
 * Every method rejects with TikvError: `unavailable` once the backoff's budget is used up, `aborted` on its signal,
 * `closed`, `protocol` for what no server should say.
 */
export interface Regions {
  /** The region that holds `key`, from memory or from the placement driver. */
  locate(key: Bytes, backoff: Backoff): Promise<Region>;
  /** The region that holds the keys just below `end`; an empty `end` means the last region. */
  locateBefore(end: Bytes, backoff: Backoff): Promise<Region>;
  /** Cuts a list that is sorted by key into what lies in one region each. In order; every item is in one group. */
  group<T>(items: readonly T[], keyOf: (item: T) => Bytes, backoff: Backoff): Promise<Group<T>[]>;
  /**
   * Asks the peer that leads a region. What can be mended without looking the keys up again is mended and the request
   * sent again, after the waits of the table of region errors (tikv.md B.4).
   *
   * Also rejects with `too_large`, `flashback` and, for KvPrewrite, `disk_full`. Whatever it rejects with says
   * `maybeApplied` if an attempt may have been applied.
   */
  send<M extends StoreMethod>(
    region: Region,
    call: StoreCall<M>,
    backoff: Backoff,
  ): Promise<Sent<StoreResponses[M]>>;
}

export interface Group<T> {
  readonly region: Region;
  /** At least one. */
  readonly items: T[];
}

/** A request to a region; what tells the region is filled in. Its bytes must not change until the answer is there. */
export interface StoreCall<M extends StoreMethod> {
  readonly method: M;
  readonly request: Omit<StoreRequests[M], 'context'>;
  readonly options?: SendOptions | undefined;
}

export interface SendOptions {
  /** Start timestamps of locks that a read may ignore. */
  readonly resolvedLocks?: readonly bigint[] | undefined;
  /** Start timestamps of locks that a read may look through. */
  readonly committedLocks?: readonly bigint[] | undefined;
  /** The request was sent before, perhaps to another region, and may have been applied. @default false */
  readonly retryOf?: boolean | undefined;
  /** For one attempt. @default 30 s, 60 s where much is read or changed at once; never longer than the budget. */
  readonly timeoutMs?: number | undefined;
}

/**
 * How a call ended. `maybeApplied`: an attempt that had no answer, or whose answer left it open, may have been applied,
 * in addition to what `response` says.
 * - `answer`: the region served it; `regionError` is absent.
 * - `relocate`: it did not. The caller looks its keys up again and sends what belongs to each region; it has been waited
 *   for already where that is needed.
 */
export type Sent<R> =
  | { readonly kind: 'answer'; readonly response: R; readonly maybeApplied: boolean }
  | { readonly kind: 'relocate'; readonly cause: Error; readonly maybeApplied: boolean };

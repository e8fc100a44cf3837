import type { Backoff } from '../backoff.ts';

/** A replica of a region. Only voters that hold data can lead. */
export interface PeerInfo {
  readonly id: bigint;
  readonly storeId: bigint;
  /** One of `PeerRole` (messages.ts). */
  readonly role: number;
  readonly isWitness: boolean;
}

export interface RegionEpochInfo {
  readonly confVer: bigint;
  readonly version: bigint;
}

/** A region as the placement driver knows it: the keys from `start` on and below `end`, both raw. */
export interface RegionInfo {
  readonly id: bigint;
  readonly start: Buffer;
  /** Empty: no end. */
  readonly end: Buffer;
  readonly epoch: RegionEpochInfo;
  readonly peers: readonly PeerInfo[];
  /** One of `peers`. */
  readonly leader: PeerInfo;
}

export interface StoreInfo {
  readonly id: bigint;
  /** `host:port`; empty for a store that the placement driver no longer knows. */
  readonly address: string;
  /** `offline` still serves; `tombstone` is gone for good. */
  readonly state: 'up' | 'offline' | 'tombstone';
}

/**
 * The placement driver. Calls find the leader among the members, wait out changes of it, and reject with a `TikvError`:
 * `unavailable` once the budget is used up, `aborted` on the backoff's signal, `closed`, `protocol`.
 */
export interface PlacementDriver {
  readonly clusterId: bigint;
  /**
   * A timestamp that nobody else has, larger than every one that was given out before the call. Waiters of one turn of
   * the event loop share a request.
   *
   * @param backoff @default 15 s
   */
  timestamp(backoff?: Backoff): Promise<bigint>;
  /** The region that holds the raw `key`; empty: the first. Waits until it has a leader. */
  region(key: Uint8Array, backoff: Backoff): Promise<RegionInfo>;
  /** The region that holds the keys just below the raw `end`; empty: the last. Waits until it has a leader. */
  previousRegion(end: Uint8Array, backoff: Backoff): Promise<RegionInfo>;
  /**
   * Regions from the one that holds `start` on, without a gap: at least one, at most `limit`, none that begins at or
   * after `end` (empty: no end). It may stop early, where a region has no leader for now.
   */
  regions(range: RegionsRange, backoff: Backoff): Promise<RegionInfo[]>;
  store(id: bigint, backoff: Backoff): Promise<StoreInfo>;
  /**
   * Asks that what is visible at `safePoint` and later is kept.
   *
   * @param request its `ttlSeconds`: how long; `SERVICE_TTL_FOREVER` for `gc_worker`; 0 withdraws.
   * @returns the smallest safe point of all services. Larger than the one that was asked for: that was not taken.
   */
  updateServiceSafePoint(request: ServiceSafePoint, backoff?: Backoff): Promise<bigint>;
  /** Lets the stores collect what is not visible at `safePoint` or later. Returns the safe point that holds. */
  updateGcSafePoint(safePoint: bigint, backoff?: Backoff): Promise<bigint>;
  gcSafePoint(backoff?: Backoff): Promise<bigint>;
  close(): Promise<void>;
}

export interface RegionsRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
}

export interface ServiceSafePoint {
  readonly serviceId: string;
  readonly ttlSeconds: bigint;
  readonly safePoint: bigint;
}

/** The only time to live that is allowed for the service `gc_worker`. */
export const SERVICE_TTL_FOREVER = 2n ** 63n - 1n;

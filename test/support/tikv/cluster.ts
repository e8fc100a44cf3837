import type { TlsOptions } from '../../../src/tikv/index.ts';

/**
 * What a test may do to a TiKV cluster, on the fake and on the fixture alike. A cluster says what it can do; a test that
 * needs more is skipped there, loudly.
 */

/** What a fault does to the calls that meet it. */
export type FaultKind =
  /** Not applied; the call fails with UNAVAILABLE. */
  | 'drop-before'
  /** Applied; the call fails with UNAVAILABLE. */
  | 'drop-after'
  /** Applied; no answer ever comes. */
  | 'hang-after'
  /** Waits `delayMs`, then goes on as usual. */
  | 'delay'
  /** Region errors; nothing is applied. */
  | 'not-leader'
  | 'no-leader'
  | 'epoch'
  | 'busy'
  | 'stale-command'
  | 'region-not-found'
  | 'max-ts-not-synced'
  /** Applied, then answered by the region error UndeterminedResult. */
  | 'undetermined'
  /** A one-phase commit falls back to two phases. The rpc is ignored. */
  | 'no-1pc'
  // From here on: the fake only.
  /** Applied later: the call fails with UNAVAILABLE now, and the request takes effect `delayMs` after it. */
  | 'late'
  /** EpochNotMatch that names the current regions. */
  | 'epoch-with-regions'
  /** EpochNotMatch from a store that lags: its epoch is older than the caller's. */
  | 'epoch-older'
  | 'key-not-in-region'
  | 'store-not-match'
  | 'mismatch-peer'
  | 'read-index-not-ready'
  | 'merging'
  | 'region-not-initialized'
  | 'recovery'
  | 'is-witness'
  | 'disk-full'
  | 'raft-entry-too-large'
  | 'flashback'
  /** A region error with a text only. */
  | 'deadline-exceeded'
  | 'unknown-error'
  /** The value of a put is altered on its way out: for seeing that a suite can fail. */
  | 'corrupt'
  /** A batch get or scan answers the lock in the response's own `error`, as for a lock in memory. */
  | 'locked-whole'
  /** The placement driver's calls: gRPC UNAVAILABLE "not leader". */
  | 'pd-not-leader'
  /** The response header carries an error. */
  | 'pd-error'
  /** The answer shows the regions as they were before their last change. */
  | 'pd-stale'
  /** The answer has regions without a leader. */
  | 'pd-no-leader'
  /** The stream of timestamps ends with an error, its request unanswered. */
  | 'tso-broken'
  /** Timestamps jump ahead by `delayMs` for good. */
  | 'tso-gap'
  /** One block of timestamps lies below one that was given out before: what no placement driver may do. */
  | 'tso-back';

/** More than faults. */
export type Ability =
  /** split */
  | 'splits'
  /** regions, merge */
  | 'regions'
  /** transfer */
  | 'leaders'
  /** stopStore, startStore */
  | 'stores'
  /** pdStop, pdStart, pdLead */
  | 'placement-drivers'
  | 'clock'
  /** calls() */
  | 'calls';

export interface Fault {
  readonly kind: FaultKind;
  /** As the services name it: `KvPrewrite`, `GetRegion`, `Tso`. Absent: any call of a store. */
  readonly rpc?: string;
  /** How many calls meet it. Default 1. */
  readonly count?: number;
  /** How many matching calls pass before. Default 0. */
  readonly skip?: number;
  /** Only calls to this store. */
  readonly store?: bigint;
  readonly delayMs?: number;
}

export interface RegionState {
  readonly id: bigint;
  /** Raw, not encoded; empty is the first of all. */
  readonly start: Buffer;
  /** Raw; empty is the end of all. */
  readonly end: Buffer;
  /** A store's id; 0n while there is none. */
  readonly leader: bigint;
}

/** Paths of PEM files, as `TikvClient.open` takes them. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TestCluster {
  readonly name: string;
  /** `host:port` of each placement driver. */
  readonly pd: readonly string[];
  /** For a client. */
  readonly tls?: TlsOptions;
  /** What every key of a test has to begin with: all others are somebody else's. @default nothing */
  readonly keyPrefix?: string;
  can(what: FaultKind | Ability): boolean;
  /** The ids of all stores, running or not. */
  stores(): Promise<readonly bigint[]>;
  /** In the order of their keys. */
  regions(): Promise<readonly RegionState[]>;
  /** Cuts a region at a raw key; harmless where there is a cut already. */
  split(key: Uint8Array): Promise<void>;
  /** Joins a region with its right neighbour. Rejects if it has none. */
  merge(region: bigint): Promise<void>;
  /** Moves a region's leader; 0n leaves it without one. */
  transfer(region: bigint, store: bigint): Promise<void>;
  /** Drops the store's connections and refuses new ones; its regions get other leaders a little later. */
  stopStore(id: bigint): Promise<void>;
  startStore(id: bigint): Promise<void>;
  /** Members count from 0; member 0 leads at the start. Stopping the leader leaves none until `pdLead`. */
  pdStop(member: number): Promise<void>;
  pdStart(member: number): Promise<void>;
  pdLead(member: number): Promise<void>;
  /** Moves the clock of the timestamps forward. */
  shiftClock(ms: number): Promise<void>;
  fault(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  /** How often each rpc was called since the start. */
  calls(): Promise<Readonly<Record<string, number>>>;
  /** What the client did that no client may do; empty where nobody looks. */
  violations(): readonly string[];
  close(): Promise<void>;
}

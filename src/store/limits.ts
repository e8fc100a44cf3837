import { SEGMENT_BYTES } from '../index/index.ts';

/** What the store bounds, and by how much. What happens at a bound stands with each. */
export interface StoreLimits {
  /** Bytes proposed or queued and not yet committed. Beyond: `too many requests`. @default 64 MiB */
  readonly proposedBytesMax: number;
  /** Writes that wait for a pending record or behind a huge one. Beyond: `too many requests`. @default 65,536 */
  readonly queuedCallsMax: number;
  /** A request as etcd would marshal it for raft. Beyond: `request is too large`. @default 1.5 MiB (etcd's) */
  readonly requestBytesMax: number;
  /** Operations of a transaction, less those of its parents. Beyond: `too many operations`. @default 128 (etcd's) */
  readonly txnOpsMax: number;
  /** Leases. Beyond: `too many requests`. @default 1,000,000 */
  readonly leasesMax: number;
  /** Revocations of expired leases a tick (500 ms). The rest waits for the next one. @default 500 (etcd's) */
  readonly expiriesPerTickMax: number;
  /** Pinned walks under way. Beyond: `too many requests`. @default 1,024 */
  readonly pinsMax: number;
  /** Bytes that pinned walks have found and not handed over. Beyond: `too many requests`. @default 4 GiB */
  readonly pinnedBytesMax: number;
  /**
   * How long a walk may pin its revision. Beyond: `request timed out`. The same for sending what it found. Beyond: the
   * answer is broken off. @default 5 minutes
   */
  readonly pinMsMax: number;
  /** Key-values that answers under way refer to. Beyond: `too many requests` for lists. @default 16 Mi (256 MiB) */
  readonly heldRunsMax: number;
  /**
   * Bytes that answers under way may keep in memory after the store has dropped them. Beyond: the oldest answers are broken
   * off. What was read back for them, for which no further list begins, is counted apart. @default 1 GiB
   */
  readonly heldBytesMax: number;
  /** Alarms. Beyond: `too many requests`. @default 1,024 */
  readonly alarmsMax: number;
  /** Counts of pinned ranges that are remembered for the next page; the oldest goes. @default 4,096 */
  readonly countsRememberedMax: number;
  /** A write in doubt for longer than this makes new writes fail at once. @default 1,000 ms */
  readonly doubtMsMax: number;
  /** How long a queued write may wait. Beyond: `request timed out`. @default 7,000 ms (etcd's) */
  readonly requestTimeoutMs: number;
  /** Superseded values kept in memory; older ones are read from the engine. @default 256 MiB */
  readonly historyBytesInMemoryMax: number;
  /** A slice of long work does at most this much, in units of visiting a key. The rest comes later. @default 8,192 */
  readonly sliceUnitsMax: number;
  /** A write that changes or reads more keys proposes in slices, alone in its commit. @default 2,048 */
  readonly atOnceKeysMax: number;
  /** Bytes of a segment, and so of a chunk that is written. What is larger has one of its own. @default 1 MiB */
  readonly segmentBytes: number;
}

export const DEFAULT_LIMITS: StoreLimits = {
  proposedBytesMax: 64 * 2 ** 20,
  queuedCallsMax: 65_536,
  requestBytesMax: 1.5 * 2 ** 20,
  txnOpsMax: 128,
  leasesMax: 1_000_000,
  expiriesPerTickMax: 500,
  pinsMax: 1024,
  pinnedBytesMax: 4 * 2 ** 30,
  pinMsMax: 300_000,
  heldRunsMax: 16 * 2 ** 20,
  heldBytesMax: 2 ** 30,
  alarmsMax: 1024,
  countsRememberedMax: 4096,
  doubtMsMax: 1000,
  requestTimeoutMs: 7000,
  historyBytesInMemoryMax: 256 * 2 ** 20,
  sliceUnitsMax: 8192,
  atOnceKeysMax: 2048,
  segmentBytes: SEGMENT_BYTES,
};

/**
 * What etcd puts around a request before it measures it: the envelope's tag and length, and a header with a request id.
 */
export const RAFT_ENVELOPE_BYTES = 18;

/** Seconds. A longer time-to-live is refused. */
export const LEASE_TTL_MAX = 9_000_000_000;

import type { Bytes, ByteRuns } from '../base/index.ts';
import type { StoreError, StoreErrorCode } from './errors.ts';
import type { OperationCounts } from './operation-counts.ts';

/**
 * How a call ends: exactly once, with an error or with a result. A write never ends before the call that started it has
 * returned; a read may.
 */
export type Done<T> = (error: StoreError | undefined, result: T) => void;

/** Bodies are finished `mvccpb.KeyValue` bytes that lie in segments: nobody may write into them. */
export interface RangeResult {
  /** The header's revision: the store's when the answer was made (the pinned one for a long walk). */
  revision: number;
  /** Keys in the range at the revision read, whatever limit and filters say. */
  count: number;
  more: boolean;
  kvs: ByteRuns;
}

export interface PutResult {
  revision: number;
  prevKv: Bytes | undefined;
}

export interface DeleteRangeResult {
  revision: number;
  deleted: number;
  prevKvs: ByteRuns;
}

export type OpResult =
  | { kind: 'range'; result: RangeResult }
  | { kind: 'put'; result: PutResult }
  | { kind: 'deleteRange'; result: DeleteRangeResult }
  | { kind: 'txn'; result: TxnResult };

export interface TxnResult {
  /** 0 in a nested transaction's answer, whose header etcd leaves empty. */
  revision: number;
  succeeded: boolean;
  responses: OpResult[];
}

export interface LeaseGrantResult {
  revision: number;
  id: bigint;
  /** Seconds, as granted: at least the minimum. */
  ttl: number;
}

export interface KeepAliveResult {
  revision: number;
  /** Seconds; 0 when there is no such lease. */
  ttl: number;
}

export interface TimeToLiveResult {
  revision: number;
  /** Seconds left, rounded down; -1 when there is no such lease. */
  ttl: number;
  grantedTtl: number;
  /** Attached keys, in no particular order; empty unless asked for. */
  keys: Bytes[];
}

export interface LeasesResult {
  revision: number;
  /** Soonest to expire first. */
  ids: BigInt64Array;
}

export interface RevisionResult {
  revision: number;
}

export interface HashKvResult {
  revision: number;
  hash: number;
  /** -1 when nothing has been compacted, as etcd has it. */
  compactRevision: number;
  hashRevision: number;
}

export interface HashResult {
  revision: number;
  hash: number;
}

export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;
export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;

export interface Alarm {
  member: bigint;
  /** One of `AlarmType`. */
  alarm: number;
}

export interface AlarmRequest {
  /** One of `AlarmAction`, or an unknown number. */
  action: number;
  member: bigint;
  /** One of `AlarmType`, or an unknown number. */
  alarm: number;
}

export interface AlarmResult {
  revision: number;
  alarms: Alarm[];
}

/** What Status and the metrics show. Sizes in bytes. */
export interface StoreStatus {
  revision: number;
  compacted: number;
  sequence: number;
  epoch: number;
  /** What the engine's files take; refreshed in the background. Of a shared engine, at least what is in use. */
  sizeBytes: number;
  /** Live bytes and uncompacted history: what the quota counts. */
  inUseBytes: number;
  quotaBytes: number;
  /** Of which some version is kept: those that were deleted since the last compaction, too. */
  keys: number;
  liveKeys: number;
  leases: number;
  alarms: readonly Alarm[];
  /** Why a write would be refused now whatever it is; undefined: it would not. */
  refusal: StoreErrorCode | undefined;
  proposedBytes: number;
  memoryBytes: number;
  /** Long answers whose client has not taken them yet. */
  answersUnderWay: number;
  /** Since the state was read. */
  operations: Readonly<Pick<OperationCounts, 'puts' | 'deletes' | 'ranges' | 'txns'>>;
}

/** Where the batches of a streamed range go. */
export interface RangeSink {
  /** Some bodies in key order; the list is the sink's. False: full, send nothing more until `resume` of the stream is called. */
  batch(kvs: ByteRuns): boolean;
  /** The end, once: an error, or what only the last message carries. */
  end(error: StoreError | undefined, result: { revision: number; count: number; more: boolean }): void;
}

/** A streamed range under way. */
export interface RangeStream {
  /** The sink has room again. */
  resume(): void;
  /** The client is gone: nothing more is sent, `end` is not called. */
  cancel(): void;
}

import type {
  CompactionRequest,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../wire/index.ts';
import type { Held, Hold } from './holds.ts';
import type {
  AlarmRequest,
  AlarmResult,
  DeleteRangeResult,
  Done,
  HashKvResult,
  HashResult,
  KeepAliveResult,
  LeaseGrantResult,
  LeasesResult,
  PutResult,
  RangeResult,
  RangeSink,
  RangeStream,
  RevisionResult,
  StoreStatus,
  TimeToLiveResult,
  TxnResult,
} from './results.ts';

/**
 * The calls of a store, all validated as etcd does, in etcd's order. Bytes in requests must stay unchanged until the
 * call has ended. `requestBytes` is the size of the encoded request, which `--max-request-bytes` is compared with.
 */
export interface StoreApi {
  readonly clusterId: bigint;
  readonly epoch: number;
  /** Committed. */
  readonly sequence: number;
  /** Committed. */
  readonly revision: number;
  readonly compacted: number;
  memberId(name: string): bigint;

  range(request: RangeRequest, done: Done<RangeResult>): void;
  rangeStream(request: RangeRequest, sink: RangeSink): RangeStream;
  put(request: PutRequest, requestBytes: number, done: Done<PutResult>): void;
  deleteRange(request: DeleteRangeRequest, requestBytes: number, done: Done<DeleteRangeResult>): void;
  txn(request: TxnRequest, requestBytes: number, done: Done<TxnResult>): void;
  /** Whoever still refers to bodies of an answer after its call has ended says so, and when no more. */
  hold(held: Held): Hold;
  /** A physical one ends when memory is trimmed and the log is cleaned. */
  compact(request: CompactionRequest, done: Done<RevisionResult>): void;

  leaseGrant(request: LeaseGrantRequest, done: Done<LeaseGrantResult>): void;
  leaseRevoke(id: bigint, done: Done<RevisionResult>): void;
  leaseKeepAlive(id: bigint, done: Done<KeepAliveResult>): void;
  leaseTimeToLive(id: bigint, keys: boolean, done: Done<TimeToLiveResult>): void;
  leaseLeases(done: Done<LeasesResult>): void;

  alarm(request: AlarmRequest, done: Done<AlarmResult>): void;
  hashKv(revision: number, done: Done<HashKvResult>): void;
  hash(done: Done<HashResult>): void;
  status(): StoreStatus;
  defragment(): Promise<void>;

  /** `listener` learns of each new committed revision, after it is visible and before its writers are answered. */
  onCommit(listener: (revision: number) => void): void;
  onCompact(listener: (compacted: number) => void): void;
  close(): Promise<void>;
}

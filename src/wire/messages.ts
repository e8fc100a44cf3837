/**
 * The requests of etcd's KV, Watch and Lease services as the rest of the program sees them.
 *
 * Numbers. Revisions, versions, limits, counts, time-to-live values and watch ids are JavaScript numbers. An int64
 * outside +/- (2^53 - 1) is not rounded but saturates at `Number.MAX_SAFE_INTEGER` or its negative: such a revision is
 * in the future, or negative, in any case. Lease ids (signed) and cluster and member ids (unsigned) use all 64 bits and
 * are bigints; the lease 0n means none.
 *
 * Enumerations stay raw integers, because etcd has a defined answer to each unknown one.
 *
 * Bytes. Every `Uint8Array` in a decoded message is a view into the request's buffer: it is valid as long as nobody
 * writes into that buffer, it keeps all of the buffer alive, and whoever wants to keep it longer than the call copies it.
 * An absent bytes field is `EMPTY_BYTES` of base.
 */

import type { ByteRuns } from '../base/index.ts';

export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const;
export const SortTarget = { key: 0, version: 1, createRevision: 2, modRevision: 3, value: 4 } as const;
export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const CompareTarget = { version: 0, createRevision: 1, modRevision: 2, value: 3, lease: 4 } as const;
export const WatchFilter = { noPut: 0, noDelete: 1 } as const;
export const EventType = { put: 0, delete: 1 } as const;

/** `mvccpb.KeyValue` with its fields taken apart. Stored and sent ones stay bytes: see key-value.ts. */
export interface KeyValue {
  key: Uint8Array;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Uint8Array;
  lease: bigint;
}

export interface RangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  /** Keys to return at most; 0 or less is no limit. */
  limit: number;
  /** Revision to read at; 0 or less is the current one. */
  revision: number;
  /** One of `SortOrder`, or an unknown number. */
  sortOrder: number;
  /** One of `SortTarget`, or an unknown number. */
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}

export interface PutRequest {
  key: Uint8Array;
  value: Uint8Array;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}

export interface DeleteRangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  prevKv: boolean;
}

/** What a compare expects; `none` when the oneof is empty, which compares like zero or like no bytes. */
export type CompareOperand =
  | { kind: 'none' }
  | { kind: 'version' | 'createRevision' | 'modRevision'; value: number }
  | { kind: 'value'; value: Uint8Array }
  | { kind: 'lease'; value: bigint };

export interface Compare {
  /** One of `CompareResult`, or an unknown number. */
  result: number;
  /** One of `CompareTarget`, or an unknown number. It need not agree with the operand's kind. */
  target: number;
  key: Uint8Array;
  rangeEnd: Uint8Array;
  operand: CompareOperand;
}

/** One operation of a transaction; `none` when the oneof is empty. */
export type RequestOp =
  | { kind: 'none' }
  | { kind: 'range'; request: RangeRequest }
  | { kind: 'put'; request: PutRequest }
  | { kind: 'deleteRange'; request: DeleteRangeRequest }
  | { kind: 'txn'; request: TxnRequest };

export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

export interface CompactionRequest {
  revision: number;
  physical: boolean;
}

export interface WatchCreateRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  startRevision: number;
  progressNotify: boolean;
  /** Values of `WatchFilter`, or unknown numbers, in the order sent. */
  filters: number[];
  prevKv: boolean;
  /** 0 lets the server choose. */
  watchId: number;
  fragment: boolean;
}

/** One message of a watch stream; `none` when the oneof is empty. */
export type WatchRequest =
  | { kind: 'none' }
  | { kind: 'create'; request: WatchCreateRequest }
  | { kind: 'cancel'; watchId: number }
  | { kind: 'progress' };

export interface LeaseGrantRequest {
  /** Seconds. */
  ttl: number;
  /** 0n lets the server choose. */
  id: bigint;
}

export interface LeaseRevokeRequest {
  id: bigint;
}

export interface LeaseKeepAliveRequest {
  id: bigint;
}

export interface LeaseTimeToLiveRequest {
  id: bigint;
  keys: boolean;
}

/**
 * The header of a response. `identity` is what `headerIdentity(clusterId, memberId)` gave, computed once per process;
 * `EMPTY_BYTES` in the headers inside a transaction's answer, which carry only the revision.
 */
export interface ResponseHeader {
  identity: Uint8Array;
  revision: number;
  raftTerm: number;
}

/** Every run of `kvs` is one encoded `mvccpb.KeyValue`, without tag and length; so is a `prevKv`. */
export interface RangeResponse {
  header: ResponseHeader | undefined;
  kvs: ByteRuns;
  more: boolean;
  count: number;
}

export interface PutResponse {
  header: ResponseHeader | undefined;
  prevKv: Uint8Array | undefined;
}

export interface DeleteRangeResponse {
  header: ResponseHeader | undefined;
  deleted: number;
  prevKvs: ByteRuns;
}

export type ResponseOp =
  | { kind: 'range'; response: RangeResponse }
  | { kind: 'put'; response: PutResponse }
  | { kind: 'deleteRange'; response: DeleteRangeResponse }
  | { kind: 'txn'; response: TxnResponse };

export interface TxnResponse {
  header: ResponseHeader | undefined;
  succeeded: boolean;
  responses: readonly ResponseOp[];
}

export interface LeaseGrantResponse {
  header: ResponseHeader | undefined;
  id: bigint;
  ttl: number;
  error: string;
}

export interface LeaseKeepAliveResponse {
  header: ResponseHeader | undefined;
  id: bigint;
  ttl: number;
}

/** All of a watch response but its events, which follow it as finished bytes (watch.ts). */
export interface WatchResponseHead {
  header: ResponseHeader | undefined;
  /** -1 for a progress answer and for a refused create. */
  watchId: number;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
}

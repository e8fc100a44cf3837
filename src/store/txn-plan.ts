import { compareBytes } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { PutRequest, RangeRequest, RequestOp, TxnRequest } from '../wire/index.ts';
import { comparesHold, pointsHold } from './compare.ts';
import type { StoreErrorCode } from './errors.ts';
import { isPoint } from './range.ts';
import { isFromKey } from './ranges.ts';
import type { OpResult, RangeResult, TxnResult } from './results.ts';
import type { Steps } from './slices.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';

/** One operation of the chosen path. */
export interface PlannedOp {
  readonly op: RequestOp;
  /** The responses of the transaction that it belongs to. */
  readonly into: OpResult[];
  /** For a nested transaction: its answer, which its own operations fill. */
  readonly nested: TxnResult | undefined;
  /** For a range that has been read already. */
  read: RangeResult | undefined;
}

/** A transaction whose compares have been decided: what will run, in order, nested ones in their places. */
export interface TxnPlan {
  readonly result: TxnResult;
  readonly ops: PlannedOp[];
}

/** A transaction that cannot write, whichever way it goes. One with a nested transaction counts as writing. */
export function isReadOnly(request: TxnRequest): boolean {
  return request.success.every(isRange) && request.failure.every(isRange);
}

/** Nothing in it needs to be linearizable. An empty one is. */
export function isSerializable(request: TxnRequest): boolean {
  return request.success.every(isSerializableRange) && request.failure.every(isSerializableRange);
}

/** Whether either branch puts, however deep: such a transaction takes space. */
export function hasPut(request: TxnRequest): boolean {
  return putsIn(request.success) || putsIn(request.failure);
}

function putsIn(ops: readonly RequestOp[]): boolean {
  for (const op of ops) if (op.kind === 'put' || (op.kind === 'txn' && hasPut(op.request))) return true;
  return false;
}

/**
 * All of it is about single keys as they are now, nothing is nested, and it proposes no more bytes than it has itself:
 * what Kubernetes sends.
 */
export function isSimple(request: TxnRequest): boolean {
  for (const compare of request.compare) if (compare.rangeEnd.length > 0) return false;
  return areSimple(request.success) && areSimple(request.failure);
}

function areSimple(ops: readonly RequestOp[]): boolean {
  for (const op of ops) {
    if (op.kind === 'txn' || op.kind === 'none') return false;
    if (op.kind === 'put' && op.request.ignoreValue) return false;
    if (op.kind === 'range' && (op.request.revision !== 0 || !isPoint(op.request))) return false;
    if (op.kind === 'deleteRange' && op.request.rangeEnd.length > 0) return false;
  }
  return true;
}

/** `planTxn` for a simple one. */
export function planSimple(parts: ReadParts, request: TxnRequest, revision: number): TxnPlan {
  const succeeded = pointsHold(parts, request.compare, revision);
  const result: TxnResult = { revision: 0, succeeded, responses: [] };
  const ops: PlannedOp[] = [];
  for (const op of succeeded ? request.success : request.failure) {
    ops.push({ op, into: result.responses, nested: undefined, read: undefined });
  }
  return { result, ops };
}

/** Decides all compares, nested ones too, at `revision`: the state before the transaction (B.4, rule 4). */
export function* planTxn(
  parts: ReadParts,
  request: TxnRequest,
  revision: number,
): Steps<TxnPlan | StoreErrorCode> {
  const ops: PlannedOp[] = [];
  const result = yield* choose(parts, request, revision, ops);
  return typeof result === 'string' ? result : { result, ops };
}

function* choose(
  parts: ReadParts,
  request: TxnRequest,
  revision: number,
  ops: PlannedOp[],
): Steps<TxnResult | StoreErrorCode> {
  const succeeded = yield* comparesHold(parts, request.compare, revision);
  if (typeof succeeded === 'string') return succeeded;
  const result: TxnResult = { revision: 0, succeeded, responses: [] };
  for (const op of succeeded ? request.success : request.failure) {
    if (op.kind !== 'txn') ops.push({ op, into: result.responses, nested: undefined, read: undefined });
    else {
      const at = ops.push({ op, into: result.responses, nested: undefined, read: undefined }) - 1;
      const nested = yield* choose(parts, op.request, revision, ops);
      if (typeof nested === 'string') return nested;
      ops[at] = { op, into: result.responses, nested, read: undefined };
    }
  }
  return result;
}

/** What is wrong with the chosen path, before anything is done (B.4, rule 5). `wait`: a pending record decides. */
export function checkPlan(
  parts: ReadParts,
  plan: TxnPlan,
  revision: number,
  writes: boolean,
): StoreErrorCode | 'wait' | undefined {
  const deletedFrom: Bytes[] = [];
  for (const { op } of plan.ops) {
    let refusal: StoreErrorCode | 'wait' | undefined;
    if (op.kind === 'range') refusal = checkRangeRevision(parts, op.request, revision, writes);
    else if (op.kind === 'put') refusal = checkPut(parts, op.request, revision, deletedFrom);
    else if (op.kind === 'deleteRange' && isFromKey(op.request.rangeEnd)) deletedFrom.push(op.request.key);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Unlike a range by itself, one in a transaction must not ask for a negative revision once something is compacted. */
function checkRangeRevision(
  parts: ReadParts,
  request: RangeRequest,
  revision: number,
  writes: boolean,
): StoreErrorCode | 'wait' | undefined {
  if (request.revision === 0) return undefined;
  if (request.revision > revision) return 'FutureRev';
  if (writes && parts.state.pending.compactions) return 'wait';
  return request.revision < parts.state.compactedExact ? 'Compacted' : undefined;
}

/**
 * Only a from-key delete can come before a put of the same key (see duplicates.ts). etcd ends its process when such a put
 * then misses what it wants to keep.
 */
function checkPut(
  parts: ReadParts,
  request: PutRequest,
  revision: number,
  deletedFrom: readonly Bytes[],
): StoreErrorCode | 'wait' | undefined {
  const { state } = parts;
  if (request.ignoreValue || request.ignoreLease) {
    if (liveAt(parts.index, request.key, revision) === NONE) return 'KeyNotFound';
    if (deletedFrom.some((from) => compareBytes(from, request.key) <= 0)) return 'KeyNotFound';
  }
  if (request.lease === 0n) return undefined;
  if (state.pending.lease(request.lease)) return 'wait';
  return state.leases.get(request.lease) === undefined ? 'LeaseNotFound' : undefined;
}

function isRange(op: RequestOp): boolean {
  return op.kind === 'range';
}

function isSerializableRange(op: RequestOp): boolean {
  return op.kind === 'range' && op.request.serializable;
}

import { conflictReason, KeyErrors, lockInfo, op, type KeyErrorMessage } from './key-error.ts';
import type { MaxTs, Mvcc } from './mvcc.ts';
import { commitRecord, putWrite, type Lock, type LockKind, type Row, type Write } from './records.ts';

export interface PrewriteMutation {
  readonly op: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface Prewrite {
  readonly mutations: readonly PrewriteMutation[];
  readonly primaryLock: Buffer;
  readonly startVersion: bigint;
  readonly lockTtl: bigint;
  readonly txnSize: bigint;
  readonly minCommitTs: bigint;
  readonly maxCommitTs: bigint;
  readonly useAsyncCommit: boolean;
  readonly secondaries: readonly Buffer[];
  readonly tryOnePc: boolean;
}

export interface Prewritten {
  readonly minCommitTs: bigint;
  readonly onePcCommitTs: bigint;
}

interface Plan {
  readonly row: Row;
  readonly lock: Lock;
}

const kinds = new Map<number, LockKind>([
  [op.put, 'put'],
  [op.insert, 'put'],
  [op.delete, 'delete'],
  [op.lock, 'lock'],
]);

/**
 * Writes the locks of an optimistic transaction, or the whole transaction in one phase: all of the request or nothing
 * of it. Throws KeyErrors. A request that is repeated after it took effect succeeds again.
 */
export function prewrite(mvcc: Mvcc, maxTs: MaxTs, request: Prewrite): Prewritten {
  const plans: Plan[] = [];
  const locked: KeyErrorMessage[] = [];
  let mixed = false;
  const floor = commitFloor(maxTs, request);
  const isTooLate = request.maxCommitTs > 0n && floor > request.maxCommitTs;
  for (const mutation of request.mutations) {
    const row = mvcc.rows.at(mutation.key);
    const refusal = refusalOf(row, mutation, request);
    if (refusal !== undefined) {
      const record = commitRecord(row, request.startVersion);
      const isRetry = record.kind === 'committed' && mutation.op !== op.checkNotExists;
      if (isRetry) return committedBefore(request, record.commitTs);
      if (!('locked' in refusal)) throw new KeyErrors(refusal);
      locked.push(refusal);
    } else if (row.lock !== undefined) mixed ||= !row.lock.useAsyncCommit;
    else if (mutation.op !== op.checkNotExists) plans.push({ row, lock: lockOf(mutation, request, floor) });
  }
  if (locked.length > 0) throw new KeyErrors(...locked);
  const fallsBack = mixed || isTooLate;
  if (request.tryOnePc && !fallsBack) return commitAtOnce(plans, floor);
  const isAsync = request.useAsyncCommit && !fallsBack;
  for (const { row, lock } of plans) {
    row.lock = isAsync ? lock : { ...lock, useAsyncCommit: false, secondaries: [] };
  }
  return { minCommitTs: isAsync ? floor : 0n, onePcCommitTs: 0n };
}

function commitFloor(maxTs: MaxTs, request: Prewrite): bigint {
  const seen = maxTs.value > request.startVersion ? maxTs.value : request.startVersion;
  return seen + 1n > request.minCommitTs ? seen + 1n : request.minCommitTs;
}

/** Why a mutation cannot be locked; nothing if it can, or is locked by this transaction already. */
function refusalOf(row: Row, mutation: PrewriteMutation, request: Prewrite): KeyErrorMessage | undefined {
  const { startVersion } = request;
  if (row.lock?.startTs === startVersion) return undefined;
  if (row.lock !== undefined) return { locked: lockInfo(row.lock) };
  const newest = row.writes[0];
  if (newest === undefined) return undefined;
  if (newest.commitTs === startVersion && (newest.kind === 'rollback' || newest.hidesRollback)) {
    return conflict(newest, mutation.key, request);
  }
  if (newest.commitTs > startVersion) return conflict(newest, mutation.key, request);
  if (mutation.op !== op.insert && mutation.op !== op.checkNotExists) return undefined;
  const current = row.writes.find(({ kind }) => kind === 'put' || kind === 'delete');
  return current?.kind === 'put' ? { alreadyExist: { key: mutation.key } } : undefined;
}

function conflict(write: Write, key: Buffer, request: Prewrite): KeyErrorMessage {
  const isOwn = write.commitTs === request.startVersion;
  return {
    conflict: {
      ...{ startTs: request.startVersion, conflictTs: write.startTs, conflictCommitTs: write.commitTs, key },
      primary: request.primaryLock,
      reason: isOwn ? conflictReason.selfRolledBack : conflictReason.optimistic,
    },
  };
}

/** The commit timestamp goes into the answer only where the repeated request asks for one phase. */
function committedBefore(request: Prewrite, commitTs: bigint): Prewritten {
  return {
    minCommitTs: request.useAsyncCommit ? commitTs : 0n,
    onePcCommitTs: request.tryOnePc ? commitTs : 0n,
  };
}

function lockOf(mutation: PrewriteMutation, request: Prewrite, floor: bigint): Lock {
  const kind = kinds.get(mutation.op);
  if (kind === undefined) throw new KeyErrors({ abort: `no such operation: ${mutation.op}` });
  const isPrimary = mutation.key.equals(request.primaryLock);
  return {
    ...{ kind, key: mutation.key, primary: request.primaryLock, startTs: request.startVersion },
    ...{ ttlMs: request.lockTtl, txnSize: request.txnSize, useAsyncCommit: request.useAsyncCommit },
    minCommitTs: request.tryOnePc || request.useAsyncCommit ? floor : request.minCommitTs,
    secondaries: request.useAsyncCommit && isPrimary ? request.secondaries : [],
    value: kind === 'put' ? mutation.value : Buffer.alloc(0),
  };
}

function commitAtOnce(plans: readonly Plan[], commitTs: bigint): Prewritten {
  for (const { row, lock } of plans) putWrite(row, writeOf(lock, commitTs));
  return { minCommitTs: 0n, onePcCommitTs: commitTs };
}

/** The record that a lock becomes when it is committed. */
export function writeOf(lock: Lock, commitTs: bigint): Write {
  const { kind, startTs, value } = lock;
  return { kind, startTs, commitTs, value, isProtected: false, hidesRollback: false };
}

import { physicalOf } from '../oracle.ts';
import { KeyErrors, lockInfo, type LockInfo } from './key-error.ts';
import { tsMax, type Mvcc } from './mvcc.ts';
import { commitRecord, putRollback, type Lock, type Row } from './records.ts';
import { rollbackKey } from './settle.ts';

/** Numbers of kvrpcpb.Action. */
const action = { none: 0, ttlExpireRollback: 1, lockNotExistRollback: 2, minCommitTsPushed: 3 } as const;

export interface CheckStatus {
  readonly primaryKey: Buffer;
  readonly lockTs: bigint;
  readonly callerStartTs: bigint;
  readonly currentTs: bigint;
  readonly rollbackIfNotExist: boolean;
  readonly forceSyncCommit: boolean;
  readonly verifyIsPrimary: boolean;
}

export interface TxnStatus {
  readonly lockTtl: bigint;
  readonly commitVersion: bigint;
  readonly action: number;
  readonly lockInfo?: LockInfo;
}

const rolledBack: TxnStatus = { lockTtl: 0n, commitVersion: 0n, action: action.none };

/** What became of a transaction, by its primary key. An ordinary one whose lock is too old is rolled back by this. */
export function checkTxnStatus(mvcc: Mvcc, request: CheckStatus): TxnStatus {
  const row = mvcc.rows.at(request.primaryKey);
  if (row.lock?.startTs === request.lockTs) return lockedStatus(row, row.lock, request);
  const record = commitRecord(row, request.lockTs);
  if (record.kind === 'committed') return { ...rolledBack, commitVersion: record.commitTs };
  if (record.kind === 'rolled-back') return rolledBack;
  if (!request.rollbackIfNotExist) {
    throw new KeyErrors({ txnNotFound: { startTs: request.lockTs, primaryKey: request.primaryKey } });
  }
  putRollback(row, request.lockTs, true);
  return { ...rolledBack, action: action.lockNotExistRollback };
}

function lockedStatus(row: Row, lock: Lock, request: CheckStatus): TxnStatus {
  if (request.verifyIsPrimary && !lock.primary.equals(row.key)) {
    throw new KeyErrors({ primaryMismatch: { lockInfo: lockInfo(lock) } });
  }
  if (lock.useAsyncCommit && !request.forceSyncCommit) return alive(lock, action.none);
  if (physicalOf(lock.startTs) + lock.ttlMs < physicalOf(request.currentTs)) {
    rollbackKey(row, lock.startTs);
    return { ...rolledBack, action: action.ttlExpireRollback };
  }
  const pushed = pushedBy(lock, request);
  row.lock = pushed;
  const { callerStartTs } = request;
  const isPushed = (callerStartTs !== 0n && pushed.minCommitTs > callerStartTs) || callerStartTs === tsMax;
  return alive(pushed, isPushed ? action.minCommitTsPushed : action.none);
}

/** A lock whose commit timestamp is bounded below moves out of the caller's way. */
function pushedBy(lock: Lock, { callerStartTs, currentTs }: CheckStatus): Lock {
  if (lock.minCommitTs === 0n || callerStartTs === tsMax || callerStartTs < lock.minCommitTs) return lock;
  const after = callerStartTs + 1n;
  return { ...lock, minCommitTs: after < currentTs && currentTs !== tsMax ? currentTs : after };
}

function alive(lock: Lock, what: number): TxnStatus {
  return { lockTtl: lock.ttlMs, commitVersion: 0n, action: what, lockInfo: lockInfo(lock) };
}

/** Decides an async commit: the locks that are there, or its commit timestamp, or (0n) that it is rolled back. */
export function checkSecondaryLocks(
  mvcc: Mvcc,
  keys: readonly Buffer[],
  startTs: bigint,
): { readonly locks: LockInfo[]; readonly commitTs: bigint } {
  const locks: LockInfo[] = [];
  for (const key of keys) {
    const row = mvcc.rows.at(key);
    if (row.lock?.startTs === startTs) {
      locks.push(lockInfo(row.lock));
      continue;
    }
    const record = commitRecord(row, startTs);
    if (record.kind === 'committed') return { locks: [], commitTs: record.commitTs };
    if (record.kind === 'none') putRollback(row, startTs, true);
    return { locks: [], commitTs: 0n };
  }
  return { locks, commitTs: 0n };
}

/** Prolongs a lock; answers its time to live. */
export function heartBeat(mvcc: Mvcc, primary: Buffer, startTs: bigint, adviseTtlMs: bigint): bigint {
  const row = mvcc.rows.at(primary);
  if (row.lock?.startTs !== startTs) throw new KeyErrors({ txnLockNotFound: { key: primary } });
  if (adviseTtlMs > row.lock.ttlMs) row.lock = { ...row.lock, ttlMs: adviseTtlMs };
  return row.lock.ttlMs;
}

import { KeyErrors, type LockInfo, lockInfo } from './key-error.ts';
import type { KeyRange } from '../keys.ts';
import type { Mvcc } from './mvcc.ts';
import { writeOf } from './prewrite.ts';
import { commitRecord, putRollback, putWrite, type Row } from './records.ts';

/** Commits one key that was locked; harmless when it is committed already. Throws KeyErrors. */
export function commitKey(row: Row, startTs: bigint, commitTs: bigint): void {
  const { lock } = row;
  if (lock?.startTs !== startTs) {
    if (commitRecord(row, startTs).kind === 'committed') return;
    throw new KeyErrors({ txnLockNotFound: { key: row.key } });
  }
  if (commitTs < lock.minCommitTs) {
    const { key, minCommitTs } = lock;
    throw new KeyErrors({ commitTsExpired: { startTs, attemptedCommitTs: commitTs, key, minCommitTs } });
  }
  row.lock = undefined;
  putWrite(row, writeOf(lock, commitTs));
}

/** Rolls back one key, locked or not, so that its transaction can never write it. Throws KeyErrors if it has. */
export function rollbackKey(row: Row, startTs: bigint, isProtected = false): void {
  const record = commitRecord(row, startTs);
  if (row.lock?.startTs === startTs) {
    row.lock = undefined;
    if (record.kind === 'none') putRollback(row, startTs, isProtected);
    return;
  }
  if (record.kind === 'committed') {
    throw new KeyErrors({
      abort: `Txn(Mvcc(Committed { start_ts: ${startTs}, commit_ts: ${record.commitTs} }))`,
    });
  }
  if (record.kind === 'none') putRollback(row, startTs, isProtected);
}

/** Commits keys together: all or none. */
export function commitKeys(
  mvcc: Mvcc,
  keys: readonly Buffer[],
  at: { startTs: bigint; commitTs: bigint },
): void {
  const rows = keys.map((key) => mvcc.rows.at(key));
  for (const row of rows) dryRun(row, () => commitKey(row, at.startTs, at.commitTs));
  for (const row of rows) commitKey(row, at.startTs, at.commitTs);
}

/** Rolls keys back together: all or none. */
export function rollbackKeys(mvcc: Mvcc, keys: readonly Buffer[], startTs: bigint): void {
  const rows = keys.map((key) => mvcc.rows.at(key));
  for (const row of rows) dryRun(row, () => rollbackKey(row, startTs));
  for (const row of rows) rollbackKey(row, startTs);
}

/** Throws what `change` throws, and leaves the row as it was. */
function dryRun(row: Row, change: () => void): void {
  const { lock } = row;
  const writes = [...row.writes];
  change();
  row.lock = lock;
  row.writes.splice(0, row.writes.length, ...writes);
}

/** Settles locks of finished transactions in a range: `fates` maps start to commit timestamp, 0n rolls back. */
export function resolveRange(mvcc: Mvcc, range: KeyRange, fates: ReadonlyMap<bigint, bigint>): void {
  for (const row of mvcc.rows.range(range)) {
    const startTs = row.lock?.startTs;
    const commitTs = startTs === undefined ? undefined : fates.get(startTs);
    if (startTs === undefined || commitTs === undefined) continue;
    if (commitTs === 0n) rollbackKey(row, startTs);
    else commitKey(row, startTs, commitTs);
  }
}

/** Locks of transactions that started at or before `maxVersion`; no limit if that is 0. */
export function scanLocks(mvcc: Mvcc, range: KeyRange, maxVersion: bigint, limit: number): LockInfo[] {
  const found: LockInfo[] = [];
  for (const { lock } of mvcc.rows.range(range)) {
    if (lock === undefined || lock.startTs > maxVersion) continue;
    found.push(lockInfo(lock));
    if (found.length === limit) break;
  }
  return found;
}

import type { KeyRange } from '../keys.ts';
import { KeyErrors, lockInfo, type KeyErrorMessage } from './key-error.ts';
import type { Mvcc } from './mvcc.ts';
import { visibleWrite, type Lock, type Row } from './records.ts';

/** A read's timestamp, and the transactions whose locks do not stop it. */
export interface ReadAt {
  readonly version: bigint;
  readonly resolvedLocks: readonly bigint[];
  readonly committedLocks: readonly bigint[];
}

export type Pair = { readonly key: Buffer; readonly value: Buffer } | { readonly error: KeyErrorMessage };

/** The value of a key; nothing if it has none. Throws KeyErrors if a lock is in the way. */
export function get(mvcc: Mvcc, key: Buffer, at: ReadAt): Buffer | undefined {
  const row = mvcc.rows.get(key);
  return row === undefined ? undefined : read(row, at);
}

function read(row: Row, at: ReadAt): Buffer | undefined {
  const { lock } = row;
  if (lock !== undefined && blocks(lock, at)) {
    if (!at.committedLocks.includes(lock.startTs)) throw new KeyErrors({ locked: lockInfo(lock) });
    return lock.kind === 'put' ? lock.value : undefined;
  }
  const write = visibleWrite(row, at.version);
  return write?.kind === 'put' ? write.value : undefined;
}

function blocks(lock: Lock, at: ReadAt): boolean {
  if (lock.startTs > at.version || lock.kind === 'lock') return false;
  return lock.minCommitTs <= at.version && !at.resolvedLocks.includes(lock.startTs);
}

/** The pairs of keys that have a value, and of those that are locked. */
export function batchGet(mvcc: Mvcc, keys: readonly Buffer[], at: ReadAt): Pair[] {
  const pairs: Pair[] = [];
  for (const key of keys) {
    const row = mvcc.rows.get(key);
    const pair = row && pairOf(row, at);
    if (pair !== undefined) pairs.push(pair);
  }
  return pairs;
}

/** In the order of the keys, or backwards from the end of the range. A lock in the way counts as a pair. */
export function scan(
  mvcc: Mvcc,
  range: KeyRange,
  { limit, reverse, at }: { limit: number; reverse: boolean; at: ReadAt },
): Pair[] {
  const pairs: Pair[] = [];
  if (limit === 0) return pairs;
  for (const row of mvcc.rows.range(range, reverse)) {
    const pair = pairOf(row, at);
    if (pair === undefined) continue;
    pairs.push(pair);
    if (pairs.length === limit) break;
  }
  return pairs;
}

function pairOf(row: Row, at: ReadAt): Pair | undefined {
  try {
    const value = read(row, at);
    return value === undefined ? undefined : { key: row.key, value };
  } catch (error) {
    if (!(error instanceof KeyErrors)) throw error;
    return { error: error.errors[0]! };
  }
}

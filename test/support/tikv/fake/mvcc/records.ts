/** What Percolator keeps of a key: at most one lock, and what was written, newest first. */

export type LockKind = 'put' | 'delete' | 'lock';

export interface Lock {
  readonly kind: LockKind;
  readonly key: Buffer;
  readonly primary: Buffer;
  readonly startTs: bigint;
  readonly ttlMs: bigint;
  readonly txnSize: bigint;
  readonly minCommitTs: bigint;
  readonly useAsyncCommit: boolean;
  readonly secondaries: readonly Buffer[];
  /** Of a put. */
  readonly value: Buffer;
}

export interface Write {
  readonly kind: LockKind | 'rollback';
  readonly startTs: bigint;
  /** A rollback stands at its own start timestamp. */
  readonly commitTs: bigint;
  readonly value: Buffer;
  /** Of a rollback: it is not collapsed into a newer one. */
  readonly isProtected: boolean;
  /** Another transaction that started at this commit timestamp was rolled back on this key. */
  readonly hidesRollback: boolean;
}

export interface Row {
  readonly key: Buffer;
  lock: Lock | undefined;
  /** Descending commit timestamps, each at most once. */
  readonly writes: Write[];
}

/** What became of a transaction on one key. */
export type CommitRecord =
  | { readonly kind: 'committed'; readonly commitTs: bigint }
  | { readonly kind: 'rolled-back' }
  | { readonly kind: 'none' };

export function commitRecord(row: Row, startTs: bigint): CommitRecord {
  for (const write of row.writes) {
    if (write.startTs === startTs) {
      return write.kind === 'rollback'
        ? { kind: 'rolled-back' }
        : { kind: 'committed', commitTs: write.commitTs };
    }
    if (write.commitTs === startTs && write.hidesRollback) return { kind: 'rolled-back' };
  }
  return { kind: 'none' };
}

/** Puts a record in its place; two at one timestamp are one that remembers both. */
export function putWrite(row: Row, write: Write): void {
  const at = row.writes.findIndex((other) => other.commitTs <= write.commitTs);
  if (at < 0) {
    row.writes.push(write);
    return;
  }
  const there = row.writes[at]!;
  if (there.commitTs < write.commitTs) row.writes.splice(at, 0, write);
  else if (write.kind === 'rollback') {
    row.writes[at] = there.kind === 'rollback' ? write : { ...there, hidesRollback: true };
  } else {
    if (there.kind !== 'rollback') throw new Error('Two transactions committed one key at one timestamp');
    row.writes[at] = { ...write, hidesRollback: true };
  }
}

/** Ends a lock by a rollback record; older unprotected ones that it stands for disappear. */
export function putRollback(row: Row, startTs: bigint, isProtected: boolean): void {
  const before = row.writes.findIndex((write) => write.commitTs < startTs);
  const previous = row.writes[before];
  if (!isProtected && previous?.kind === 'rollback' && !previous.isProtected) row.writes.splice(before, 1);
  putWrite(row, {
    ...{ kind: 'rollback', startTs, commitTs: startTs, value: Buffer.alloc(0), isProtected },
    hidesRollback: false,
  });
}

/** The newest put or deletion at or below a timestamp. */
export function visibleWrite(row: Row, ts: bigint): Write | undefined {
  return row.writes.find(
    (write) => write.commitTs <= ts && (write.kind === 'put' || write.kind === 'delete'),
  );
}

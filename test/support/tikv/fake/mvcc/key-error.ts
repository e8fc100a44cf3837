import type { Lock, LockKind } from './records.ts';

/** Numbers of kvrpcpb.Op. */
export const op = { put: 0, delete: 1, lock: 2, insert: 4, checkNotExists: 6 } as const;
const opOfLock: Record<LockKind, number> = { put: op.put, delete: op.delete, lock: op.lock };

/** Numbers of kvrpcpb.WriteConflict.Reason. */
export const conflictReason = { optimistic: 1, selfRolledBack: 3 } as const;

/** kvrpcpb.LockInfo, as it goes on the wire. */
export interface LockInfo {
  readonly primaryLock: Buffer;
  readonly lockVersion: bigint;
  readonly key: Buffer;
  readonly lockTtl: bigint;
  readonly txnSize: bigint;
  readonly lockType: number;
  readonly useAsyncCommit: boolean;
  readonly minCommitTs: bigint;
  readonly secondaries: readonly Buffer[];
}

/** kvrpcpb.KeyError, as it goes on the wire: one field. */
export type KeyErrorMessage =
  | { readonly locked: LockInfo }
  | { readonly abort: string }
  | { readonly conflict: ConflictMessage }
  | { readonly alreadyExist: { readonly key: Buffer } }
  | { readonly commitTsExpired: ExpiredMessage }
  | { readonly txnNotFound: { readonly startTs: bigint; readonly primaryKey: Buffer } }
  | { readonly primaryMismatch: { readonly lockInfo: LockInfo } }
  | { readonly txnLockNotFound: { readonly key: Buffer } };

interface ConflictMessage {
  readonly startTs: bigint;
  readonly conflictTs: bigint;
  readonly conflictCommitTs: bigint;
  readonly key: Buffer;
  readonly primary: Buffer;
  readonly reason: number;
}

interface ExpiredMessage {
  readonly startTs: bigint;
  readonly attemptedCommitTs: bigint;
  readonly key: Buffer;
  readonly minCommitTs: bigint;
}

/** Ends a command without any effect. */
export class KeyErrors extends Error {
  override readonly name = 'KeyErrors';
  readonly errors: readonly KeyErrorMessage[];

  constructor(...errors: readonly KeyErrorMessage[]) {
    super(Object.keys(errors[0] ?? {}).join());
    this.errors = errors;
  }
}

export function lockInfo(lock: Lock): LockInfo {
  return {
    ...{ primaryLock: lock.primary, lockVersion: lock.startTs, key: lock.key, lockTtl: lock.ttlMs },
    ...{ txnSize: lock.txnSize, lockType: opOfLock[lock.kind], useAsyncCommit: lock.useAsyncCommit },
    ...{ minCommitTs: lock.minCommitTs, secondaries: lock.secondaries },
  };
}

import type { Bytes } from '../base/index.ts';

/**
 * The messages of `proto/` as this client sees them. Field names are those of the proto files in camel
 * case; 64-bit numbers are
 * bigints, smaller ones numbers; enumerations are numbers, named by the constants here; repeated fields are arrays.
 *
 * In what is sent, a field that is left out is zero, as proto3 has it. In what is received every field is there: a
 * message that was absent is undefined, bytes are Buffers that are views into what was received.
 */

/** A message as it is received: every field is there. */
export type Received<T> = T extends Bytes
  ? Buffer
  : T extends readonly (infer E)[]
    ? readonly Received<E>[]
    : T extends object
      ? { readonly [K in keyof T]-?: Received<Exclude<T[K], undefined>> | Extract<T[K], undefined> }
      : T;

export const StoreState = { Up: 0, Offline: 1, Tombstone: 2 } as const;
export const PeerRole = { Voter: 0, Learner: 1, IncomingVoter: 2, DemotingVoter: 3 } as const;
export const CommandPriority = { Normal: 0, Low: 1, High: 2 } as const;
export const Op = {
  Put: 0,
  Del: 1,
  Lock: 2,
  Rollback: 3,
  Insert: 4,
  PessimisticLock: 5,
  CheckNotExists: 6,
} as const;
export const ConflictReason = {
  Unknown: 0,
  Optimistic: 1,
  PessimisticRetry: 2,
  SelfRolledBack: 3,
  RcCheckTs: 4,
  LazyUniquenessCheck: 5,
  NotLockedKeyConflict: 6,
} as const;
export const Action = {
  NoAction: 0,
  TTLExpireRollback: 1,
  LockNotExistRollback: 2,
  MinCommitTSPushed: 3,
  TTLExpirePessimisticRollback: 4,
  LockNotExistDoNothing: 5,
} as const;

/** A replica of a region, on a store. */
export interface Peer {
  readonly id: bigint;
  readonly storeId: bigint;
  /** One of `PeerRole`. */
  readonly role?: number;
  readonly isWitness?: boolean;
}

export interface RegionEpoch {
  readonly confVer: bigint;
  readonly version: bigint;
}

/** Bounds are encoded (key-codec.ts); an empty end stands for no end. */
export interface RegionMeta {
  readonly id: bigint;
  readonly startKey: Bytes;
  readonly endKey: Bytes;
  readonly regionEpoch: RegionEpoch | undefined;
  readonly peers: readonly Peer[];
}

export interface StoreMeta {
  readonly id: bigint;
  readonly address: string;
  /** One of `StoreState`. */
  readonly state?: number;
  readonly version?: string;
}

/** Which region is meant, and how to serve the request. */
export interface Context {
  readonly regionId: bigint;
  readonly regionEpoch: RegionEpoch | undefined;
  readonly peer: Peer | undefined;
  readonly priority?: number;
  readonly notFillCache?: boolean;
  readonly replicaRead?: boolean;
  readonly resolvedLocks?: readonly bigint[];
  readonly maxExecutionDurationMs?: bigint;
  readonly diskFullOpt?: number;
  readonly isRetryRequest?: boolean;
  readonly committedLocks?: readonly bigint[];
  readonly requestSource?: string;
  readonly busyThresholdMs?: number;
}

/** Why a region could not serve a request. At most one field besides `message` is set (tikv.md B.4). */
export interface RegionError {
  readonly message?: string;
  readonly notLeader?: { readonly regionId: bigint; readonly leader?: Peer | undefined } | undefined;
  readonly regionNotFound?: { readonly regionId: bigint } | undefined;
  readonly keyNotInRegion?:
    | {
        readonly key: Bytes;
        readonly regionId: bigint;
        readonly startKey: Bytes;
        readonly endKey: Bytes;
      }
    | undefined;
  readonly epochNotMatch?: { readonly currentRegions: readonly RegionMeta[] } | undefined;
  readonly serverIsBusy?:
    { readonly reason: string; readonly backoffMs?: bigint; readonly estimatedWaitMs?: number } | undefined;
  readonly staleCommand?: object | undefined;
  readonly storeNotMatch?: { readonly requestStoreId: bigint; readonly actualStoreId: bigint } | undefined;
  readonly raftEntryTooLarge?: { readonly regionId: bigint; readonly entrySize: bigint } | undefined;
  readonly maxTimestampNotSynced?: object | undefined;
  readonly readIndexNotReady?: { readonly reason: string; readonly regionId: bigint } | undefined;
  readonly proposalInMergingMode?: { readonly regionId: bigint } | undefined;
  readonly dataIsNotReady?:
    { readonly regionId: bigint; readonly peerId: bigint; readonly safeTs: bigint } | undefined;
  readonly regionNotInitialized?: { readonly regionId: bigint } | undefined;
  readonly diskFull?: { readonly storeId: readonly bigint[]; readonly reason: string } | undefined;
  readonly recoveryInProgress?: { readonly regionId: bigint } | undefined;
  readonly flashbackInProgress?: { readonly regionId: bigint; readonly flashbackStartTs: bigint } | undefined;
  readonly flashbackNotPrepared?: { readonly regionId: bigint } | undefined;
  readonly isWitness?: { readonly regionId: bigint } | undefined;
  readonly mismatchPeerId?: { readonly requestPeerId: bigint; readonly storePeerId: bigint } | undefined;
  readonly bucketVersionNotMatch?: { readonly version: bigint; readonly keys: readonly Bytes[] } | undefined;
  readonly undeterminedResult?: { readonly message: string } | undefined;
}

export interface Mutation {
  /** One of `Op`. */
  readonly op: number;
  readonly key: Bytes;
  readonly value?: Bytes;
  readonly assertion?: number;
}

export interface LockInfo {
  readonly primaryLock: Bytes;
  /** The start timestamp of its transaction. */
  readonly lockVersion: bigint;
  readonly key: Bytes;
  /** Milliseconds from the start timestamp on. */
  readonly lockTtl: bigint;
  readonly txnSize?: bigint;
  /** One of `Op`. */
  readonly lockType?: number;
  readonly lockForUpdateTs?: bigint;
  readonly useAsyncCommit?: boolean;
  readonly minCommitTs?: bigint;
  readonly secondaries?: readonly Bytes[];
}

export interface WriteConflict {
  readonly startTs: bigint;
  readonly conflictTs: bigint;
  readonly key: Bytes;
  readonly primary?: Bytes;
  readonly conflictCommitTs?: bigint;
  /** One of `ConflictReason`. */
  readonly reason?: number;
}

/** Why a transaction's call was refused: one field is set; the two texts are empty unless meant. */
export interface KeyError {
  readonly locked?: LockInfo | undefined;
  readonly retryable?: string;
  readonly abort?: string;
  readonly conflict?: WriteConflict | undefined;
  readonly alreadyExist?: { readonly key: Bytes } | undefined;
  readonly deadlock?: { readonly lockTs: bigint; readonly lockKey: Bytes } | undefined;
  readonly commitTsExpired?:
    | {
        readonly startTs: bigint;
        readonly attemptedCommitTs: bigint;
        readonly key: Bytes;
        readonly minCommitTs: bigint;
      }
    | undefined;
  readonly txnNotFound?: { readonly startTs: bigint; readonly primaryKey: Bytes } | undefined;
  readonly commitTsTooLarge?: { readonly commitTs: bigint } | undefined;
  readonly assertionFailed?:
    | {
        readonly startTs: bigint;
        readonly key: Bytes;
        readonly assertion: number;
        readonly existingStartTs: bigint;
        readonly existingCommitTs: bigint;
      }
    | undefined;
  readonly primaryMismatch?: { readonly lockInfo?: LockInfo | undefined } | undefined;
  readonly txnLockNotFound?: { readonly key: Bytes } | undefined;
}

export interface KvPair {
  readonly error?: KeyError | undefined;
  readonly key: Bytes;
  readonly value?: Bytes;
}

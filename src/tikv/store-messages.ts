import type { Bytes } from '../base/index.ts';
import type {
  Context,
  KeyError,
  KvPair,
  LockInfo,
  Mutation,
  Received,
  RegionError,
  RegionMeta,
} from './messages.ts';

/** The calls to a store with what they take and give (tikv.md B.3). See messages.ts for how messages are written. */

interface Request {
  /** Filled in by whoever knows the region (region/). */
  readonly context: Context | undefined;
}

/** What every answer may say in place of an answer. */
interface RegionAnswer {
  readonly regionError?: RegionError | undefined;
}

interface Answer extends RegionAnswer {
  readonly error?: KeyError | undefined;
}

export interface StoreRequests {
  readonly KvGet: Request & { readonly key: Bytes; readonly version: bigint };
  readonly KvBatchGet: Request & { readonly keys: readonly Bytes[]; readonly version: bigint };
  /** Backwards, `startKey` is the exclusive upper bound and `endKey` the inclusive lower one. */
  readonly KvScan: Request & {
    readonly startKey: Bytes;
    readonly limit: number;
    readonly version: bigint;
    readonly keyOnly?: boolean;
    readonly reverse?: boolean;
    readonly endKey: Bytes;
  };
  readonly KvPrewrite: Request & {
    readonly mutations: readonly Mutation[];
    readonly primaryLock: Bytes;
    readonly startVersion: bigint;
    readonly lockTtl: bigint;
    readonly skipConstraintCheck?: boolean;
    readonly txnSize: bigint;
    readonly minCommitTs: bigint;
    readonly useAsyncCommit?: boolean;
    readonly secondaries?: readonly Bytes[];
    readonly tryOnePc: boolean;
    readonly maxCommitTs?: bigint;
  };
  readonly KvCommit: Request & {
    readonly startVersion: bigint;
    readonly keys: readonly Bytes[];
    readonly commitVersion: bigint;
  };
  readonly KvBatchRollback: Request & { readonly startVersion: bigint; readonly keys: readonly Bytes[] };
  readonly KvCheckTxnStatus: Request & {
    readonly primaryKey: Bytes;
    readonly lockTs: bigint;
    readonly callerStartTs: bigint;
    readonly currentTs: bigint;
    readonly rollbackIfNotExist: boolean;
    readonly forceSyncCommit?: boolean;
    readonly resolvingPessimisticLock?: boolean;
    readonly verifyIsPrimary: boolean;
  };
  readonly KvCheckSecondaryLocks: Request & {
    readonly keys: readonly Bytes[];
    readonly startVersion: bigint;
  };
  /** With `txnInfos`, many transactions at once; else the one named, with `keys` or in the whole region. */
  readonly KvResolveLock: Request & {
    readonly startVersion?: bigint;
    readonly commitVersion?: bigint;
    readonly txnInfos?: readonly { readonly txn: bigint; readonly status: bigint }[];
    readonly keys?: readonly Bytes[];
  };
  /** For the locks of other programs: this client takes no pessimistic ones. */
  readonly KVPessimisticRollback: Request & {
    readonly startVersion: bigint;
    readonly forUpdateTs: bigint;
    readonly keys: readonly Bytes[];
  };
  readonly KvTxnHeartBeat: Request & {
    readonly primaryLock: Bytes;
    readonly startVersion: bigint;
    readonly adviseLockTtl: bigint;
  };
  readonly KvScanLock: Request & {
    readonly maxVersion: bigint;
    readonly startKey: Bytes;
    readonly limit: number;
    readonly endKey: Bytes;
  };
  readonly SplitRegion: Request & { readonly splitKeys: readonly Bytes[] };
}

/** What a store sends, as it writes it; the fake of the tests does. */
export interface StoreAnswers {
  readonly KvGet: Answer & { readonly value?: Bytes; readonly notFound?: boolean };
  readonly KvBatchGet: Answer & { readonly pairs?: readonly KvPair[] };
  readonly KvScan: Answer & { readonly pairs?: readonly KvPair[] };
  readonly KvPrewrite: RegionAnswer & {
    readonly errors?: readonly KeyError[];
    readonly minCommitTs?: bigint;
    readonly onePcCommitTs?: bigint;
  };
  readonly KvCommit: Answer & { readonly commitVersion?: bigint };
  readonly KvBatchRollback: Answer;
  readonly KvCheckTxnStatus: Answer & {
    readonly lockTtl?: bigint;
    readonly commitVersion?: bigint;
    /** One of `Action`. */
    readonly action?: number;
    readonly lockInfo?: LockInfo | undefined;
  };
  readonly KvCheckSecondaryLocks: Answer & {
    readonly locks?: readonly LockInfo[];
    readonly commitTs?: bigint;
  };
  readonly KvResolveLock: Answer;
  readonly KVPessimisticRollback: RegionAnswer & { readonly errors?: readonly KeyError[] };
  readonly KvTxnHeartBeat: Answer & { readonly lockTtl?: bigint };
  readonly KvScanLock: Answer & { readonly locks?: readonly LockInfo[] };
  readonly SplitRegion: RegionAnswer & { readonly regions?: readonly RegionMeta[] };
}

/** Every field is there (messages.ts). */
export type StoreResponses = { readonly [M in keyof StoreAnswers]: Received<StoreAnswers[M]> };

export type StoreMethod = keyof StoreRequests;

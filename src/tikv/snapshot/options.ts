import type { EndSignal } from '../../base/index.ts';

export interface ReadOptions {
  /** An `AbortSignal`. Ends the read: it rejects with TikvError `aborted`. */
  readonly signal?: EndSignal;
  /** How long stores that do not answer, regions that move and locks are put up with. @default 20_000 */
  readonly budgetMs?: number;
}

export interface ScanOptions extends ReadOptions {
  /** The first key. @default the first of all */
  readonly gte?: Uint8Array;
  /** Keys sort below it; empty is no bound. @default no bound */
  readonly lt?: Uint8Array;
  /** From the last key to the first. @default false */
  readonly reverse?: boolean;
  /** At most so many entries, from where the scan begins. @default no limit */
  readonly limit?: number;
  /** A batch ends with the entry that takes it to so many bytes of keys and values. @default 1 MiB */
  readonly batchBytes?: number;
  /** Entries of a batch. @default 1024 */
  readonly batchEntries?: number;
}

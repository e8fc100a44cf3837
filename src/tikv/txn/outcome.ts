/**
 * How a transaction ended.
 * - `committed`: all of it is visible to every read at `commitTimestamp` or later. `onePhase`: in one request and
 *   without locks.
 * - `conflict`: another transaction wrote or locked `key` after the start timestamp. Nothing was or will be written.
 *   `conflictTimestamp` is that transaction's start timestamp, 0 if TiKV did not tell.
 * - `exists`: an `insert` or `check-not-exists` found `key` present. Nothing was or will be written.
 * - `rolled-back`: it never happened and never will: somebody met its locks after they had expired, or this client gave
 *   up after the first request was sent, for the reason that is the `cause`. The same mutations may be tried again at a
 *   new start timestamp.
 * - `undetermined`: the answers were lost and the store that knows could not be reached in time either. It may be
 *   committed now or become so later, until `settle` has been called with `primary` and the start timestamp.
 */
export type TxnOutcome =
  | { readonly kind: 'committed'; readonly commitTimestamp: bigint; readonly onePhase: boolean }
  | { readonly kind: 'conflict'; readonly key: Buffer; readonly conflictTimestamp: bigint }
  | { readonly kind: 'exists'; readonly key: Buffer }
  | { readonly kind: 'rolled-back'; readonly cause?: Error }
  | { readonly kind: 'undetermined'; readonly primary: Buffer; readonly cause: Error };

/** The fate of a transaction for good. */
export type SettledOutcome =
  { readonly kind: 'committed'; readonly commitTimestamp: bigint } | { readonly kind: 'rolled-back' };

/** Why a transaction was not committed, definitely. */
export type FailedOutcome = Extract<TxnOutcome, { kind: 'conflict' | 'exists' | 'rolled-back' }>;

/**
 * What is known of a transaction whose lock was met.
 * - `committed`, `rolled-back`: for good.
 * - `alive`: neither, its lock holds for `ttlLeftMs` more. `pushed`: it will commit above the reader's timestamp, so that
 *   the reader may ignore it.
 * - `gone`: a pessimistic lock whose transaction left nothing else; only this lock may be removed. Says nothing of the
 *   transaction's other keys.
 */
export type TxnStatus =
  | { readonly kind: 'committed'; readonly commitTimestamp: bigint }
  | { readonly kind: 'rolled-back' }
  | { readonly kind: 'alive'; readonly ttlLeftMs: number; readonly pushed: boolean }
  | { readonly kind: 'gone' };

/** Stays as it is for ever. */
export type FinalStatus = Extract<TxnStatus, { kind: 'committed' | 'rolled-back' }>;

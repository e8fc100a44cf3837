import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import { Action } from '../messages.ts';
import type { StoreResponses } from '../store-messages.ts';
import type { Lock } from './lock.ts';
import { isPessimistic, ttlLeftMs } from './lock.ts';
import type { TxnStatus } from './txn-status.ts';

/**
 * What an answer to CheckTxnStatus says (tikv.md B.6).
 * - `not-found`: there is neither a lock nor a record at the primary, and none was left.
 * - `async`: it uses async commit, so that only its primary and its secondaries together tell. `primary` is the primary's
 *   lock.
 */
export type StatusAnswer =
  TxnStatus | { readonly kind: 'not-found' } | { readonly kind: 'async'; readonly primary: Lock };

/**
 * @param lock of the transaction that was asked about.
 * @param now the timestamp that the question carried.
 */
export function readStatus(
  response: StoreResponses['KvCheckTxnStatus'],
  lock: Pick<Lock, 'lockVersion' | 'lockType'>,
  now: bigint,
): StatusAnswer {
  const error = response.error;
  if (error !== undefined) {
    if (error.txnNotFound !== undefined) return { kind: 'not-found' };
    // A pessimistic transaction may have chosen another primary after this lock was taken.
    if (error.primaryMismatch !== undefined && isPessimistic(lock)) return { kind: 'gone' };
    throw new TikvError('protocol', `Cannot learn a transaction's status: ${describeKeyError(error)}`);
  }
  if (response.commitVersion > 0n) return { kind: 'committed', commitTimestamp: response.commitVersion };
  if (response.lockTtl > 0n) return readAlive(response, lock.lockVersion, now);
  switch (response.action) {
    case Action.NoAction:
    case Action.TTLExpireRollback:
    case Action.LockNotExistRollback:
      return { kind: 'rolled-back' };
    case Action.TTLExpirePessimisticRollback:
    case Action.LockNotExistDoNothing:
      return { kind: 'gone' };
    default:
      throw new TikvError(
        'protocol',
        `Cannot learn a transaction's status: action ${response.action} without a lock`,
      );
  }
}

function readAlive(
  response: StoreResponses['KvCheckTxnStatus'],
  startTimestamp: bigint,
  now: bigint,
): StatusAnswer {
  if (response.lockInfo?.useAsyncCommit === true) return { kind: 'async', primary: response.lockInfo };
  const leftMs = ttlLeftMs(startTimestamp, response.lockTtl, now);
  return {
    kind: 'alive',
    // The store compares whole milliseconds and gives the lock the last one.
    ttlLeftMs: Math.max(1, leftMs),
    pushed: response.action === Action.MinCommitTSPushed,
  };
}

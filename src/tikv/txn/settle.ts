import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { callForKey } from '../keyed-calls.ts';
import type { StatusAnswer } from '../lock/status-answer.ts';
import { readStatus } from '../lock/status-answer.ts';
import { Action, Op } from '../messages.ts';
import type { Session } from '../session.ts';
import type { StoreResponses } from '../store-messages.ts';
import type { SettledOutcome } from './outcome.ts';

/** A record younger than this is never collected (see `TikvSnapshot`). */
const FRESH_MS = 5 * 60_000;

/** A transaction by what identifies it. */
export interface TxnId {
  /** The stored key. */
  readonly primary: Buffer;
  readonly startTimestamp: bigint;
}

/**
 * Finds out whether a transaction is committed, and if it is not, sees to it that it never will be (tikv.md B.7).
 *
 * The question leaves a record at the primary where it finds none, so that a copy of a request that is still on its way
 * cannot commit later: such a request carries the primary and fails as a whole, or has only written locks. A lock that
 * is found is removed, which leaves such a record too; then the question is repeated, for the one case in which it does
 * not.
 *
 * Rejects with TikvError `unavailable` if the primary's region could not be reached, `undetermined` if the transaction
 * is so old that its record may have been collected.
 */
export async function settle(session: Session, txn: TxnId, backoff: Backoff): Promise<SettledOutcome> {
  for (;;) {
    const { status, response } = await askPrimary(session, txn, backoff);
    switch (status.kind) {
      case 'committed':
        return status;
      case 'rolled-back':
        await verifyKept(session, txn, { response, backoff });
        return status;
      case 'alive':
        await rollBackPrimary(session, txn, backoff);
        break;
      default:
        throw new TikvError(
          'protocol',
          `Cannot settle the transaction of ${txn.startTimestamp}: it is ${status.kind}`,
        );
    }
  }
}

/** What became of a transaction; if there is no trace of it, it is made impossible. */
export async function askPrimary(
  session: Session,
  txn: TxnId,
  backoff: Backoff,
): Promise<{ status: StatusAnswer; response: StoreResponses['KvCheckTxnStatus'] }> {
  const now = await session.oracle.timestamp(backoff);
  const request = {
    primaryKey: txn.primary,
    lockTs: txn.startTimestamp,
    callerStartTs: 0n,
    currentTs: now,
    rollbackIfNotExist: true,
    verifyIsPrimary: true,
  };
  const call = { method: 'KvCheckTxnStatus', key: txn.primary, request } as const;
  const response = await callForKey(session.regions, call, backoff);
  const lock = { lockVersion: txn.startTimestamp, lockType: Op.Put };
  return { status: readStatus(response, lock, now), response };
}

/** Whether it worked is for the next question to say. */
async function rollBackPrimary(session: Session, txn: TxnId, backoff: Backoff): Promise<void> {
  const request = { startVersion: txn.startTimestamp, keys: [txn.primary] };
  const call = { method: 'KvBatchRollback', key: txn.primary, request } as const;
  const { error } = await callForKey(session.regions, call, backoff);
  if (error !== undefined)
    await backoff.wait('txn-lock-fast', new Error('The primary is not rolled back yet'));
}

/** No record at all may also mean that it was collected. */
async function verifyKept(
  session: Session,
  txn: TxnId,
  { response, backoff }: { response: StoreResponses['KvCheckTxnStatus']; backoff: Backoff },
): Promise<void> {
  if (response.action !== Action.LockNotExistRollback) return;
  if (session.oracle.ageMs(txn.startTimestamp) < FRESH_MS) return;
  const safePoint = await session.pd.gcSafePoint(backoff);
  if (txn.startTimestamp >= safePoint) return;
  throw new TikvError(
    'undetermined',
    `The records of ${txn.startTimestamp} may be collected: ${safePoint} is safe`,
  );
}

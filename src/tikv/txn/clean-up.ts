import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import { callForKeys } from '../keyed-calls.ts';
import type { KeyError, Received } from '../messages.ts';
import type { Session } from '../session.ts';

/** As client-go's `CommitSecondaryMaxBackoff`. */
const SECONDARIES_BUDGET_MS = 41_000;
const ROLLBACK_BUDGET_MS = 20_000;
/** Keys of one KvCommit or KvBatchRollback. */
export const COMMIT_KEYS_MAX = 4096;

/**
 * Commits the keys of a transaction whose primary is committed, in the background. Until then, readers learn from the
 * primary what their locks mean.
 *
 * @param keys stored keys, in order.
 */
export function commitSecondaries(
  session: Session,
  keys: readonly Buffer[],
  txn: { readonly startTimestamp: bigint; readonly commitTimestamp: bigint },
): void {
  if (keys.length === 0) return;
  session.background.start('commit-secondaries', () =>
    callForKeys(
      session.regions,
      {
        method: 'KvCommit',
        keys,
        countMax: COMMIT_KEYS_MAX,
        request: (part) => ({
          startVersion: txn.startTimestamp,
          commitVersion: txn.commitTimestamp,
          keys: part,
        }),
        answered: (_, { error }) => verify(error, 'commit secondaries'),
      },
      session.writeBackoff(SECONDARIES_BUDGET_MS),
    ),
  );
}

/**
 * Removes the locks of a transaction that is not committed, in the background.
 *
 * @param keys stored keys, in order.
 */
export function rollBack(session: Session, keys: readonly Buffer[], startTimestamp: bigint): void {
  session.background.start('roll-back', () =>
    callForKeys(
      session.regions,
      {
        method: 'KvBatchRollback',
        keys,
        countMax: COMMIT_KEYS_MAX,
        request: (part) => ({ startVersion: startTimestamp, keys: part }),
        answered: (_, { error }) => verify(error, 'roll back'),
      },
      session.writeBackoff(ROLLBACK_BUDGET_MS),
    ),
  );
}

function verify(error: Received<KeyError> | undefined, what: string): void {
  if (error !== undefined) throw new TikvError('protocol', `Cannot ${what}: ${describeKeyError(error)}`);
}

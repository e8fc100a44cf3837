import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import type { Lock } from '../lock/lock.ts';
import type { KeyError, Received } from '../messages.ts';
import { ConflictReason } from '../messages.ts';
import type { FailedOutcome } from './outcome.ts';

/**
 * What the errors of a prewrite mean for the transaction. The keys are stored keys.
 * - `failed`: it cannot be committed at this start timestamp.
 * - `locked`: others hold locks; once they are resolved the same prewrite may be sent again.
 */
export type PrewriteVerdict =
  | { readonly kind: 'failed'; readonly outcome: FailedOutcome }
  | { readonly kind: 'locked'; readonly locks: readonly Lock[] };

/** @param errors at least one. @throws TikvError `protocol` for what a prewrite should not meet. */
export function judgePrewrite(
  errors: readonly Received<KeyError>[],
  startTimestamp: bigint,
): PrewriteVerdict {
  const locks: Lock[] = [];
  for (const error of errors) {
    if (error.locked !== undefined) locks.push(error.locked);
    else return { kind: 'failed', outcome: readFailure(error, startTimestamp) };
  }
  // It started later than we did: it will conflict, whether it is committed or leaves the record of a roll-back.
  const later = locks.find((lock) => lock.lockVersion > startTimestamp);
  if (later === undefined) return { kind: 'locked', locks };
  const outcome = { kind: 'conflict', key: later.key, conflictTimestamp: later.lockVersion } as const;
  return { kind: 'failed', outcome };
}

function readFailure(error: Received<KeyError>, startTimestamp: bigint): FailedOutcome {
  if (error.alreadyExist !== undefined) return { kind: 'exists', key: error.alreadyExist.key };
  if (error.conflict !== undefined) {
    const { conflictTs, key, reason } = error.conflict;
    // Somebody found our locks expired, and left this record so that we cannot go on.
    if (reason === ConflictReason.SelfRolledBack || conflictTs === startTimestamp)
      return { kind: 'rolled-back' };
    return { kind: 'conflict', key, conflictTimestamp: conflictTs };
  }
  throw new TikvError('protocol', `Cannot write: ${describeKeyError(error)}`);
}

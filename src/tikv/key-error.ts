import type { KeyError, Received } from './messages.ts';

/** What a store said, in one line for a message. */
export function describeKeyError(error: Received<KeyError>): string {
  if (error.abort !== '') return `aborted: ${error.abort}`;
  if (error.retryable !== '') return `retryable: ${error.retryable}`;
  if (error.locked !== undefined) return `locked by ${error.locked.lockVersion}`;
  if (error.conflict !== undefined) return `write conflict with ${error.conflict.conflictTs}`;
  if (error.commitTsExpired !== undefined) {
    return `the commit timestamp must be ${error.commitTsExpired.minCommitTs} or more`;
  }
  if (error.txnLockNotFound !== undefined) return 'the lock is gone';
  const named = Object.entries(error).find(([, value]) => value !== undefined && value !== '');
  return named?.[0] ?? 'no reason given';
}

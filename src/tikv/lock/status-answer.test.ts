import { describe, expect, it } from 'vitest';
import { Action, Op } from '../messages.ts';
import type { StoreResponses } from '../store-messages.ts';
import { composeTimestamp } from '../timestamp.ts';
import { readStatus } from './status-answer.ts';

const START = composeTimestamp(1_000_000n, 1n);
const NOW = composeTimestamp(1_000_500n, 7n);
const LOCK = { lockVersion: START, lockType: Op.Put };

type Answer = StoreResponses['KvCheckTxnStatus'];
type KeyError = NonNullable<Answer['error']>;

function answer(fields: Partial<Answer>): Answer {
  const none = { regionError: undefined, error: undefined, lockInfo: undefined };
  return { ...none, lockTtl: 0n, commitVersion: 0n, action: Action.NoAction, ...fields };
}

function keyError(fields: Partial<KeyError>): KeyError {
  return { abort: '', retryable: '', ...fields } as KeyError;
}

describe('readStatus', () => {
  it('takes a commit version for a commit, whatever else is set', () => {
    const status = readStatus(answer({ commitVersion: 9n, action: Action.NoAction }), LOCK, NOW);
    expect(status).toEqual({ kind: 'committed', commitTimestamp: 9n });
  });

  it.each([Action.NoAction, Action.TTLExpireRollback, Action.LockNotExistRollback])(
    'takes action %i without a lock for a roll-back',
    (action) => {
      expect(readStatus(answer({ action }), LOCK, NOW)).toEqual({ kind: 'rolled-back' });
    },
  );

  it.each([Action.TTLExpirePessimisticRollback, Action.LockNotExistDoNothing])(
    'takes action %i for the end of that lock alone',
    (action) => {
      expect(readStatus(answer({ action }), LOCK, NOW)).toEqual({ kind: 'gone' });
    },
  );

  it('counts the time left of a lock from its start timestamp on', () => {
    expect(readStatus(answer({ lockTtl: 3000n }), LOCK, NOW)).toEqual({
      kind: 'alive',
      ttlLeftMs: 2500,
      pushed: false,
    });
  });

  it('gives an alive lock at least a millisecond, so that nobody spins', () => {
    expect(readStatus(answer({ lockTtl: 500n }), LOCK, NOW)).toMatchObject({ ttlLeftMs: 1 });
  });

  it('tells when the transaction was pushed behind the reader', () => {
    const pushed = answer({ lockTtl: 3000n, action: Action.MinCommitTSPushed });
    expect(readStatus(pushed, LOCK, NOW)).toMatchObject({ kind: 'alive', pushed: true });
  });

  it('leaves an async commit to its secondaries', () => {
    const lockInfo = { useAsyncCommit: true } as NonNullable<Answer['lockInfo']>;
    expect(readStatus(answer({ lockTtl: 3000n, lockInfo }), LOCK, NOW)).toEqual({
      kind: 'async',
      primary: lockInfo,
    });
  });

  it('does not take a missing transaction for one that was rolled back', () => {
    const error = keyError({ txnNotFound: { startTs: START, primaryKey: Buffer.of(1) } });
    expect(readStatus(answer({ error }), LOCK, NOW)).toEqual({ kind: 'not-found' });
  });

  it('allows another primary to pessimistic locks only', () => {
    const error = keyError({ primaryMismatch: { lockInfo: undefined } });
    const pessimistic = { lockVersion: START, lockType: Op.PessimisticLock };
    expect(readStatus(answer({ error }), pessimistic, NOW)).toEqual({ kind: 'gone' });
    expect(() => readStatus(answer({ error }), LOCK, NOW)).toThrow(/status/);
  });

  it('refuses an action that makes no sense without a lock', () => {
    expect(() => readStatus(answer({ action: Action.MinCommitTSPushed }), LOCK, NOW)).toThrow(/action 3/);
  });
});

import { describe, expect, it } from 'vitest';
import type { Lock } from '../lock/lock.ts';
import type { KeyError, Received } from '../messages.ts';
import { ConflictReason } from '../messages.ts';
import { judgePrewrite } from './prewrite-errors.ts';

const START = 100n;
const KEY = Buffer.from('k');

function error(fields: Partial<Received<KeyError>>): Received<KeyError> {
  return { abort: '', retryable: '', ...fields } as Received<KeyError>;
}

function locked(lockVersion: bigint): Received<KeyError> {
  return error({ locked: { key: KEY, lockVersion } as Lock });
}

function conflict(conflictTs: bigint, reason: number): Received<KeyError> {
  return error({ conflict: { key: KEY, conflictTs, reason } as NonNullable<Received<KeyError>['conflict']> });
}

describe('judgePrewrite', () => {
  it('waits for the locks of transactions that began earlier', () => {
    const verdict = judgePrewrite([locked(98n), locked(99n)], START);
    expect(verdict).toMatchObject({ kind: 'locked', locks: [{ lockVersion: 98n }, { lockVersion: 99n }] });
  });

  it('does not wait for a transaction that began later', () => {
    const outcome = { kind: 'conflict', key: KEY, conflictTimestamp: 101n };
    expect(judgePrewrite([locked(98n), locked(101n)], START)).toEqual({ kind: 'failed', outcome });
  });

  it('lets a definite error go before locks', () => {
    const verdict = judgePrewrite([locked(98n), error({ alreadyExist: { key: KEY } })], START);
    expect(verdict).toEqual({ kind: 'failed', outcome: { kind: 'exists', key: KEY } });
  });

  it('tells a conflict with another from its own roll-back', () => {
    const { outcome } = judgePrewrite([conflict(105n, ConflictReason.Optimistic)], START) as {
      outcome: unknown;
    };
    expect(outcome).toEqual({ kind: 'conflict', key: KEY, conflictTimestamp: 105n });
    for (const own of [
      conflict(105n, ConflictReason.SelfRolledBack),
      conflict(START, ConflictReason.Unknown),
    ]) {
      expect(judgePrewrite([own], START)).toEqual({ kind: 'failed', outcome: { kind: 'rolled-back' } });
    }
  });

  it('throws what it does not know', () => {
    expect(() => judgePrewrite([error({ abort: 'key is too large' })], START)).toThrow(/key is too large/);
  });
});

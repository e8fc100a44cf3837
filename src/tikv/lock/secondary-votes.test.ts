import { describe, expect, it } from 'vitest';
import type { StoreResponses } from '../store-messages.ts';
import type { Lock } from './lock.ts';
import { SecondaryVotes } from './secondary-votes.ts';

const START = 100n;

function lock(minCommitTs: bigint, fields: Partial<Lock> = {}): Lock {
  return { lockVersion: START, useAsyncCommit: true, minCommitTs, ...fields } as Lock;
}

function answer(locks: Lock[], commitTs = 0n): StoreResponses['KvCheckSecondaryLocks'] {
  return { regionError: undefined, error: undefined, locks, commitTs };
}

describe('SecondaryVotes', () => {
  it('commits at the largest of all, the primary included, when all are locked', () => {
    const votes = new SecondaryVotes(lock(120n));
    votes.add(2, answer([lock(110n), lock(130n)]));
    votes.add(1, answer([lock(125n)]));
    expect(votes.result()).toEqual({ kind: 'committed', commitTimestamp: 130n });
    expect(new SecondaryVotes(lock(120n)).result()).toEqual({ kind: 'committed', commitTimestamp: 120n });
  });

  it('is rolled back when one is missing without a record', () => {
    const votes = new SecondaryVotes(lock(120n));
    votes.add(1, answer([lock(130n)]));
    votes.add(2, answer([lock(110n)]));
    expect(votes.result()).toEqual({ kind: 'rolled-back' });
  });

  it('is committed as the record of a missing one tells', () => {
    const votes = new SecondaryVotes(lock(120n));
    votes.add(2, answer([lock(110n)], 140n));
    votes.add(1, answer([lock(130n)]));
    expect(votes.result()).toEqual({ kind: 'committed', commitTimestamp: 140n });
  });

  it('leaves the decision to the primary when one fell back to two phases', () => {
    const votes = new SecondaryVotes(lock(120n));
    votes.add(2, answer([lock(110n), lock(0n, { useAsyncCommit: false })]));
    expect(votes.result()).toEqual({ kind: 'sync' });
  });

  it('refuses two fates, and locks of another transaction', () => {
    const votes = new SecondaryVotes(lock(120n));
    votes.add(1, answer([], 140n));
    expect(() => votes.add(1, answer([]))).toThrow(/two fates/);
    expect(() => votes.add(1, answer([lock(1n, { lockVersion: 101n })]))).toThrow(/101/);
  });
});

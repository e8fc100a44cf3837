/**
 * The whole log room against the model: random proposals from leaders that follow one another without knowing it, over
 * an engine whose commits may be uncertain and land late, with the cleaner always at work. After every commit that lands,
 * what is stored is replayed and compared with the log as if it had never been cleaned.
 */
import { describe, expect, it } from 'vitest';

import { Run } from './log-run.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 40);
const FIRST = Number(process.env['SEED'] ?? 1);

describe('the log against its model', () => {
  it('promises 1, 2, 3, 6: every replay gives the state of the uncleaned log, whatever lands when', async () => {
    const counts: { [name: string]: number } = {};
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const result = await new Run({ seed }).execute();
      expect(result.problems, `SEED=${seed}`).toEqual([]);
      for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
    }
    // Nothing of the above is worth much when it was not reached.
    for (const name of [
      'cleanings',
      'sweeps',
      'merges',
      'continued',
      'take-overs',
      'history',
      'saw committed',
    ])
      expect(counts[name], name).toBeGreaterThan(SEEDS / 10);
    for (const name of ['wrote committed', 'wrote leader-changed']) expect(counts[name]).toBeGreaterThan(0);
  });

  it('gives the same answers and the same state for the same seed', async () => {
    const first = await new Run({ seed: 3 }).execute();
    const second = await new Run({ seed: 3 }).execute();
    expect(second.digest).toBe(first.digest);
  });

  it.each([
    'uncertain-is-failed',
    'publish-before-commit',
    'drop-tombstone-in-cleaning',
    'cleaned-without-compaction',
    'early-failed-compare',
    'no-head-condition',
    'head-without-counter',
    'sweep-unbound',
  ])('finds the planted fault %s', async (fault) => {
    for (let seed = 1; seed <= 200; seed++) {
      const { problems } = await new Run({ seed, faults: new Set([fault]) }).execute();
      if (problems.length > 0) return;
    }
    expect.fail(`${fault} was not found in 200 seeds`);
  });
});

/** Goal: the table of bench:cluster says what was measured, and an aim that is missed is seen. */

import { describe, expect, test } from 'vitest';
import { aims, verdicts } from '../../bench/cluster/aims.ts';
import { failuresOf, medians } from '../../bench/cluster/figures.ts';
import type { Figures, Measured } from '../../bench/cluster/figures.ts';
import { rows, titleOf } from '../../bench/cluster/rows.ts';
import { lookupOf, table } from '../../bench/cluster/table.ts';

const figures = (wishes: Partial<Figures> = {}): Figures => ({
  ...{ perSecond: 1000, p50Ms: 1, p99Ms: 2, leaderMicros: 100, followerMicros: 50, allMicros: 150 },
  ...{ generatorMicros: 2, idleLeaderPercent: 3, idleFollowerPercent: 1 },
  ...wishes,
});
const measured = (wishes: Partial<Measured> = {}): Measured => ({ ...figures(), failures: {}, ...wishes });

describe('the aims', () => {
  test('are of rows that are measured', () => {
    const asked = new Set<string>();
    for (const aim of aims)
      aim.value((row) => {
        asked.add(row);
        return undefined;
      });
    const names = rows.map(({ name }) => name);
    expect([...asked].filter((row) => !names.includes(row))).toEqual([]);
    expect(asked.size).toBe(21);
    expect(new Set(names).size).toBe(names.length);
  });

  test('say nothing of rows that are not', () => {
    expect(verdicts(() => undefined)).toEqual([]);
    expect(verdicts((row) => (row.startsWith('put') ? figures() : undefined))).toHaveLength(4);
  });

  test.each([
    [
      'of 3 costs the leader <= 1/10',
      'range-linearizable-256-follower-of-3',
      { leaderMicros: 9 },
      { leaderMicros: 11 },
    ],
    [
      'a read at a follower of 2 costs it',
      'range-linearizable-256-follower-of-2',
      { followerMicros: 119 },
      { followerMicros: 121 },
    ],
    [
      'at 100,000 a second, a read at a follower of 2 costs it <= 1.2x',
      'range-linearizable-at-rate-follower-of-2',
      { followerMicros: 119 },
      { followerMicros: 121 },
    ],
    ['leader of 2 <= 10 %', 'put-256-leader-of-2', { leaderMicros: 109 }, { leaderMicros: 111 }],
    ['leader of 3 <= 20 %', 'put-256-leader-of-3', { leaderMicros: 119 }, { leaderMicros: 121 }],
    ["both nodes <= 2x a single node's", 'put-256-follower-of-2', { allMicros: 199 }, { allMicros: 201 }],
  ])('%s is kept and missed', (text, row, kept, missed) => {
    const verdict = (own: Partial<Figures>): boolean | undefined =>
      verdicts((name) => figures(name === row ? own : {})).find(({ aim }) => aim.text.includes(text))
        ?.isWithin;
    expect(verdict(kept)).toBe(true);
    expect(verdict(missed)).toBe(false);
  });
});

test('figures are medians of the rounds', () => {
  const rounds = [1, 9, 5].map((leaderMicros) => figures({ leaderMicros }));
  expect(medians(rounds)).toEqual(figures({ leaderMicros: 5 }));
});

test('a report shows what was measured, what is above its aim, and what failed', () => {
  const results = new Map([
    ['put-256-leader-of-1', [measured()]],
    ['put-256-leader-of-2', [measured({ leaderMicros: 150, allMicros: 200, failures: { 'status 14': 3 } })]],
  ]);
  expect(failuresOf(results)).toEqual(['put-256-leader-of-2: status 14 (3)']);
  expect(lookupOf(results)('put-1-leader-of-1')).toBeUndefined();
  const text = table({
    machine: { cpu: 'a cpu', cores: 2, memoryGiB: 1, node: 'v20', commit: 'abc', syncMicros: 1, load: 0 },
    ...{ startedAt: 'now', form: 'short', rounds: 1, results },
  });
  expect(text).toContain('| Put, at a single node, 256 clients | 1,000 | 1.0 | 2.0 | 100 | 50.0 | 150 |  |');
  expect(text).toContain(
    '| Put, at the leader of 2, 256 clients | 1,000 | 1.0 | 2.0 | 150 | 50.0 | 200 | 1.0x per second, 1.3x',
  );
  expect(text).toContain('Idle, 2 nodes: 3.0 % of a core for the leader, 1.0 % for a follower.');
  expect(text).toContain('than a single node | **ABOVE** 1.5 |');
  expect(text).toContain('Aims: 0 of 1 within.');
  expect(text).toContain('- put-256-leader-of-2: status 14 (3)');
});

test('titles name the place', () => {
  expect(rows.map(titleOf)).toContain('Range of a key, linearizable, at a follower of 3, 1 client');
});

import { expect, test } from 'vitest';
import { callGroups } from '../../bench/etcd/call-rows.ts';
import { leaseGroups } from '../../bench/etcd/lease-rows.ts';
import { listGroups } from '../../bench/etcd/list-rows.ts';
import { memoryGroups } from '../../bench/etcd/memory-rows.ts';
import { failuresOf } from '../../bench/etcd/report.ts';
import { runAll, type Results } from '../../bench/etcd/runner.ts';
import type { Sizes } from '../../bench/etcd/sizes.ts';
import { watchGroups } from '../../bench/etcd/watch-rows.ts';

/** A second or two a group: figures mean nothing, but each group runs against the built server and nothing fails. */
const TINY: Sizes = {
  ...{
    rounds: 1,
    warmMs: 50,
    measureMs: 100,
    keys: 300,
    listKeys: { '10k': 600, '100k': 1100 },
    listsMin: 1,
  },
  ...{
    watchWarmMs: 100,
    watchMs: 300,
    watchDrainMs: 20_000,
    leases: 100,
    manyKeys: 500,
    restMs: 10,
    settleMs: 10,
    starts: 1,
  },
};

/** On a busy machine nothing may be answered within a tenth of a second: what was not is measured again, for longer. */
const LONGER: readonly Sizes[] = [
  { ...TINY, measureMs: 2000, watchMs: 2000 },
  { ...TINY, measureMs: 20_000, watchMs: 20_000 },
];

function run(sizes: Sizes, wants: (row: string) => boolean): Promise<Results> {
  return runAll({
    groups: [
      ...callGroups,
      ...listGroups(sizes),
      ...watchGroups,
      ...leaseGroups(sizes),
      ...memoryGroups(sizes),
    ],
    servers: ['engram'],
    rounds: 1,
    sizes,
    wants,
    engram: {},
    say: () => undefined,
  });
}

/** Rows in which nothing was answered while it was measured. */
const emptyRows = (results: Results): string[] =>
  [...results]
    .filter(([, servers]) => servers.get('engram')?.every(({ operations }) => operations > 0) !== true)
    .map(([row]) => row);

test(
  'every group of the benchmark runs against Engram, and no answer is wrong',
  { timeout: 400_000 },
  async () => {
    const rows = [
      'put-256',
      'delete-16',
      'tls-put-256',
      'range-serializable-256',
      'list-100k-1k',
      'reads',
      'lease',
    ];
    const wanted = [...rows, 'watch-10x500-1k', 'memory', 'start'];
    const results = await run(TINY, (row) => wanted.some((name) => row.startsWith(name)));
    expect(failuresOf(results)).toEqual([]);
    expect(results.size).toBeGreaterThanOrEqual(13);
    let empty = emptyRows(results);
    for (const sizes of LONGER) {
      if (empty.length === 0) break;
      const wantedAgain = empty;
      const again = await run(sizes, (row) => wantedAgain.includes(row));
      expect(failuresOf(again)).toEqual([]);
      empty = emptyRows(again);
    }
    expect(empty).toEqual([]);
  },
);

import { expect, test } from 'vitest';
import { callGroups } from '../../bench/etcd/call-rows.ts';
import { leaseGroups } from '../../bench/etcd/lease-rows.ts';
import { listGroups } from '../../bench/etcd/list-rows.ts';
import { memoryGroups } from '../../bench/etcd/memory-rows.ts';
import { failuresOf } from '../../bench/etcd/report.ts';
import { runAll } from '../../bench/etcd/runner.ts';
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

test(
  'every group of the benchmark runs against Engram, and no answer is wrong',
  { timeout: 240_000 },
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
    const results = await runAll({
      groups: [
        ...callGroups,
        ...listGroups(TINY),
        ...watchGroups,
        ...leaseGroups(TINY),
        ...memoryGroups(TINY),
      ],
      servers: ['engram'],
      rounds: 1,
      sizes: TINY,
      wants: (row) => wanted.some((name) => row.startsWith(name)),
      engram: {},
      say: () => undefined,
    });
    expect(failuresOf(results)).toEqual([]);
    expect(results.size).toBeGreaterThanOrEqual(13);
    for (const [row, servers] of results)
      for (const { operations } of servers.get('engram') ?? []) expect(operations, row).toBeGreaterThan(0);
  },
);

import { expect, test, vi } from 'vitest';
import type { TikvClient } from '../../src/tikv/index.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { abandon } from './abandoned.ts';
import type { ClientContext } from './check.ts';
import { runCheck } from './context.ts';
import { bytes, put, readAll, write } from './data.ts';

// Beside other suites on two cores.
vi.setConfig({ testTimeout: 300_000 });

/**
 * Goal: whatever happens to regions, leaders and stores, and whenever, the client gets over it. Method: a short run of
 * writes and reads is repeated, and each time one change is made before another one of its calls. Each change skips
 * some of the calls, and the next change skips others: every call has several of them made before it.
 */

const stride = 5;

type Change = (cluster: FakeCluster, context: ClientContext) => void | Promise<void>;

/** Of the region that holds a key. */
const regionOf = (cluster: FakeCluster, key: Buffer) => cluster.world.topology.byKey(key).id;

const changes: Readonly<Record<string, Change>> = {
  split: (cluster, { stored }) => cluster.split(stored('b')),
  'a split at each key': async (cluster, { stored }) => {
    for (const key of ['a', 'b', 'c', 'm', 'z']) await cluster.split(stored(key));
  },
  'merge to the left': (cluster, { stored }) => cluster.merge(regionOf(cluster, stored('a')), 'left'),
  'merge to the right': (cluster, { stored }) => cluster.merge(regionOf(cluster, stored('a')), 'right'),
  'leaders move': async (cluster) => {
    for (const { id, leader } of await cluster.regions()) await cluster.transfer(id, (leader % 3n) + 1n);
  },
  'new peers': async (cluster) => {
    for (const { id } of await cluster.regions()) await cluster.renewPeers(id);
  },
  'two stores swap addresses': (cluster) => cluster.swapAddresses(1n, 2n),
  'a store comes back at another address': async (cluster) => {
    await cluster.stopStore(1n);
    await cluster.startStore(1n, true);
  },
  'a store is gone': (cluster) => cluster.stopStore(1n),
  'another placement driver leads': (cluster) => cluster.pdLead(1),
  'the clock jumps an hour ahead': (cluster) => cluster.shiftClock(3_600_000),
  'the clock goes back a minute': (cluster) => cluster.shiftClock(-60_000),
  'the client sleeps for ten seconds': (_, { environment }) => environment.jump(10_000),
};

async function exercise(client: TikvClient): Promise<void> {
  await write(client, [put('a', '2'), put('b', '2')]);
  await write(client, [put('a', '3'), put('z', '3')]);
  const snapshot = await client.snapshot();
  const values = await snapshot.batchGet(['z', 'd', 'a'].map(bytes));
  expect(values.map(String)).toEqual(['3', 'dead', '3']);
  expect(String(await snapshot.get(bytes('b')))).toBe('2');
  const rows = [['a', '3'], ['b', '2'], ['d', 'dead'], ['y', 'dead'], ['z', '3']]; // prettier-ignore
  expect(await readAll(client)).toEqual(rows);
  expect(await readAll(client, { reverse: true })).toEqual(rows.toReversed());
}

/** Runs it with the change before the nth call. @returns whether there were so many. */
async function runWith(change: Change, nth: number): Promise<boolean> {
  const cluster = await FakeCluster.start({ electionMs: 20 });
  let calls = 0;
  try {
    await runCheck(
      {
        ...{ name: 'between', needs: [] },
        async run(context) {
          const client = await context.open();
          await cluster.split(context.stored('m'));
          await write(client, [put('a', '1'), put('z', '1')]);
          await abandon(context, {
            leave: 'primary-committed',
            keys: ['d', 'y'],
            value: 'dead',
            ttlMs: 3000,
          });
          cluster.world.beforeCall = async () => {
            if (calls++ === nth) await change(cluster, context);
          };
          await exercise(client);
          cluster.world.beforeCall = undefined;
        },
      },
      cluster,
    );
  } finally {
    await cluster.close();
  }
  return calls > nth;
}

for (const [at, [name, change]] of Object.entries(changes).entries()) {
  test.concurrent(`${name}, between any two calls`, async () => {
    let nth = at % stride;
    while (await runWith(change, nth)) nth += stride;
    expect(nth).toBeGreaterThan(15);
  });
}

/**
 * Goal: a compaction takes nothing from who has all that is committed, on any node. Method: real nodes on one memory
 * engine, with a hub of watches on each.
 */
import { expect, it } from 'vitest';
import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import { Headers } from '../../src/server/index.ts';
import { WatchHub } from '../../src/watch/index.ts';
import { codecOf } from '../../src/wire/index.ts';
import { ClusterWorld } from './cluster-world.ts';
import type { Seat } from './cluster-world.ts';
import { call, put } from './store-world.ts';

/** Watches everything from now on. Returns what comes: the revision of each event, or that of the compaction that ends it. */
function watchAll({ time }: ClusterWorld, { node }: Seat): string[] {
  const { store } = node;
  const headers = new Headers(store.clusterId, node.memberId, store);
  const hub = new WatchHub({
    source: {
      ...{ index: store.index, arena: store.arena, history: store.history },
      revision: () => store.revision,
      compacted: () => store.compacted,
      header: (revision) => headers.at(revision),
    },
    ...{ clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger },
    progressIntervalMs: 600_000,
  });
  store.onCommit((revision) => hub.committed(revision));
  store.onCompact((revision) => hub.compacted(revision));
  const came: string[] = [];
  const stream = hub.open({
    send: (slices) => {
      const { events, canceled, compact_revision: compacted } = decode(Buffer.concat(slices));
      for (const { kv } of events) came.push(`event ${kv.mod_revision}`);
      if (canceled) came.push(`compacted ${compacted}`);
      return true;
    },
    end: () => void came.push('end'),
  });
  stream.receive({
    kind: 'create',
    request: {
      ...{ key: Buffer.from([0]), rangeEnd: Buffer.from([0]), startRevision: 0, watchId: 0, filters: [] },
      ...{ progressNotify: false, prevKv: true, fragment: false },
    },
  });
  return came;
}

function decode(bytes: Buffer): {
  events: { kv: { mod_revision: bigint } }[];
  canceled: boolean;
  compact_revision: bigint;
} {
  return codecOf<ReturnType<typeof decode>>('etcdserverpb.WatchResponse').decode(bytes);
}

it('promise 5: a compaction in one commit with the last writes before it ends no watch', async () => {
  const world = await ClusterWorld.of(['a', 'b']);
  const { leader, followers } = world;
  const watched = [leader, ...followers].map((seat) => watchAll(world, seat));
  const { store } = leader.node;
  const revision = store.revision + 3;
  const puts = [1, 2, 3].map((i) => call((done) => store.put(put('key', String(i)), 0, done)));
  const compacting = call((done) => store.compact({ revision, physical: false }, done));
  await world.wait(Promise.all([...puts, compacting]));
  await world.until(() => followers.every(({ node }) => node.store.compacted === revision));
  const events = [2, 1, 0].map((before) => `event ${revision - before}`);
  expect(watched).toEqual([events, events]);
});

it('promise 5: a compaction that is found by who takes over ends no watch that had all that was committed here', async () => {
  const world = await ClusterWorld.of(['a', 'b']);
  const { leader } = world;
  const follower = world.followers[0]!;
  const came = watchAll(world, follower);
  world.network.cut(follower.url);
  const { store } = leader.node;
  for (const text of ['1', '2', '3']) await world.wait(leader.put('key', text));
  const { revision } = store;
  await world.wait(call((done) => store.compact({ revision, physical: false }, done)));
  expect(came).toEqual([]);
  world.kill(leader);
  await world.until(() => follower.node.leads);
  await world.wait(follower.put('key', '4'));
  expect(follower.node.store.compacted).toBe(revision);
  expect(came).toEqual([2, 1, 0, -1].map((before) => `event ${revision - before}`));
});

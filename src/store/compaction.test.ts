import { describe, expect, it } from 'vitest';
import { StoreModel } from '../../test/property/store-model.ts';
import {
  call,
  deleteRange,
  fill,
  op,
  plainKvs,
  put,
  range,
  StoreWorld,
  turns,
  txn,
} from '../../test/property/store-world.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('compaction (B.6)', () => {
  it('to 0 is accepted once, a repeat is refused, the current revision is allowed, a future one is not', async () => {
    const world = await StoreWorld.open();
    expect(await world.compact(0)).toBe(1);
    await expect(world.compact(0)).rejects.toEqual(refused('Compacted'));
    await world.put(put('a', '1'));
    await expect(world.compact(3)).rejects.toEqual(refused('FutureRev'));
    expect(await world.compact(2)).toBe(2);
    await expect(world.compact(2)).rejects.toEqual(refused('Compacted'));
    await expect(world.compact(-1)).rejects.toEqual(refused('Compacted'));
  });

  it('reads at the compaction and above work, below they are refused', async () => {
    const world = await StoreWorld.open();
    for (const value of ['1', '2', '3']) await world.put(put('a', value));
    await world.compact(3, true);
    await expect(world.range(range('a', '', { revision: 2 }))).rejects.toEqual(refused('Compacted'));
    expect((await world.range(range('a', '', { revision: 3 }))).kvs[0]?.value).toBe('2');
    expect((await world.range(range('a', '', { revision: 4 }))).kvs[0]?.value).toBe('3');
  });

  it('a tombstone exactly at the compaction is kept in the history', async () => {
    const world = await StoreWorld.open();
    await world.put(put('a', '1'));
    await world.deleteRange(deleteRange('a'));
    await world.compact(3, true);
    const { index } = world.store;
    expect(index.revision(index.historyAt(index.historySeek(3)))).toBe(3);
  });

  it('a physical one is answered when the log has been rid of what it took away', async () => {
    const world = await StoreWorld.open({ cleanerLimits: { deadBytesMin: 1, deadShareMin: 0.01 } });
    for (let i = 0; i < 10; i++) await world.put(put('a', 'x'.repeat(100_000)));
    await world.compact(world.store.revision, true);
    expect(await world.engine.sizeBytes()).toBeLessThan(2 * 100_000);
  });

  it('promise 5: both changes of one key at the compacted revision can be read, also after cleaning', async () => {
    const world = await StoreWorld.open({ limits: { historyBytesInMemoryMax: 0 } });
    await world.put(put('a', 'first'));
    const { revision } = await world.txn(
      txn([], [op.put('a', 'second'.repeat(1000)), op.deleteRange('a', '\0')]),
    );
    await world.put(put('z'));
    await world.compact(revision, true);
    await world.store.defragment();
    for (let i = 0; i < 20; i++) world.store.index.evacuateStep(100_000, world.store.revision);
    const seen = (): boolean[] => {
      const { index } = world.store;
      const tombstones: boolean[] = [];
      for (let at = index.historySeek(revision); index.revision(index.historyAt(at)) === revision; at++)
        tombstones.push(index.isTombstone(index.historyAt(at)));
      return tombstones;
    };
    expect(seen()).toEqual([false, true]);
    const body = await world.store.history.body(revision, 0);
    expect(Buffer.from(body as Uint8Array).includes('second')).toBe(true);
    expect(await world.store.history.body(2, 0)).toBe('compacted');
    await world.store.close();
    await world.reopen();
    expect(seen()).toEqual([false, true]);
    await world.compact(revision + 1, true);
    await world.store.defragment();
    expect(await world.store.history.body(revision, 0)).toBe('compacted');
  });

  it('a pinned walk holds trimming back, and sees its revision to the end', async () => {
    const world = await StoreWorld.open();
    await fill(world, 'k', 10_000);
    const { revision } = world.store;
    const keys: string[] = [];
    let batches = 0;
    const ended = new Promise<object>((resolve) => {
      const stream = world.store.rangeStream(range('k', 'l'), {
        batch: (kvs) => {
          keys.push(...plainKvs(kvs).map(({ key }) => key));
          // The first batch is not taken before everything behind it is gone.
          if (batches++ > 0) return true;
          void world
            .deleteRange(deleteRange('k', 'l'))
            .then(() => world.put(put('a')))
            .then(() => world.compact(revision + 2, true))
            .then(() => turns(100))
            .then(() => stream.resume());
          return false;
        },
        end: (error, rest) => resolve({ error, ...rest }),
      });
    });
    expect(await ended).toEqual({ error: undefined, revision, count: 10_000, more: false });
    expect(keys).toHaveLength(10_000);
    expect(new Set(keys).size).toBe(10_000);
    // Then it goes on by itself.
    await turns(1000);
    expect(world.store.status().keys).toBe(1);
  });

  it('B.4.10: a range in a transaction must not ask for a negative revision once something is compacted', async () => {
    const world = await StoreWorld.open();
    const asks = (): Promise<object> => world.txn(txn([], [op.range('a', '', { revision: -1 })]));
    await asks();
    await world.compact(0);
    await expect(asks()).rejects.toEqual(refused('Compacted'));
    await world.range(range('a', '', { revision: -1 }));
  });

  it('survives a restart', async () => {
    const world = await StoreWorld.open();
    for (const value of ['1', '2', '3']) await world.put(put('a', value));
    await world.compact(3);
    await world.store.close();
    await world.reopen();
    expect(world.store.compacted).toBe(3);
    await expect(world.range(range('a', '', { revision: 2 }))).rejects.toEqual(refused('Compacted'));
  });

  it('periodic: the first time after the retention, then every interval, to where the store was a retention ago', async () => {
    const world = await StoreWorld.open({ autoCompaction: { mode: 'periodic', retentionMs: 100_000 } });
    const compactions: [number, number][] = [];
    const startMs = world.time.nowMs();
    world.store.onCompact((revision) => compactions.push([(world.time.nowMs() - startMs) / 1000, revision]));
    // One put every ten seconds, right after the sample: that of second 90 finds the store at revision 9.
    for (let i = 0; i < 31; i++) {
      await world.time.advance(10_000);
      await world.put(put('a', String(i)));
    }
    expect(compactions).toEqual([
      [100, 1],
      [200, 9],
      [300, 19],
    ]);
  });

  it('by revision: every five minutes, so many are kept', async () => {
    const world = await StoreWorld.open({ autoCompaction: { mode: 'revision', retentionRevisions: 3 } });
    for (let i = 0; i < 9; i++) await world.put(put('a', String(i)));
    await world.time.advance(299_000);
    expect(world.store.compacted).toBe(0);
    await world.time.advance(1000);
    expect(world.store.compacted).toBe(7);
    await world.time.advance(300_000);
    expect(world.store.compacted).toBe(7);
  });
});

describe('HashKV', () => {
  it('refuses what is compacted and what is to come, and tells the compaction', async () => {
    const world = await StoreWorld.open();
    const hashKv = (revision: number): Promise<object> => call((done) => world.store.hashKv(revision, done));
    expect(await hashKv(0)).toMatchObject({ revision: 1, compactRevision: -1, hashRevision: 1 });
    for (const value of ['1', '2', '3']) await world.put(put('a', value));
    await world.compact(3, true);
    await expect(hashKv(2)).rejects.toEqual(refused('Compacted'));
    await expect(hashKv(5)).rejects.toEqual(refused('FutureRev'));
    expect(await hashKv(3)).toMatchObject({ revision: 4, compactRevision: 3, hashRevision: 3 });
  });

  it('when no key is left it covers what the compaction kept, but no tombstone, as etcd since 3.5.16', async () => {
    const world = await StoreWorld.open();
    const model = new StoreModel();
    const run = async (step: [string, string?]): Promise<void> => {
      const request = step[1] === undefined ? deleteRange(step[0], 'z') : put(step[0], step[1]);
      if ('value' in request) model.put(request);
      else model.deleteRange(request);
      await ('value' in request ? world.put(request) : world.deleteRange(request));
    };
    for (const step of [['a', '1'], ['b', '1'], ['b', '2'], ['a']] as [string, string?][]) await run(step);
    // Put and deleted in one revision: only the delete is kept by a compaction there.
    const request = txn([], [op.txn([], [op.put('a', '3')]), op.txn([], [op.deleteRange('a')])]);
    model.txn(request);
    await world.txn(request);
    model.compact(model.revision);
    await world.compact(world.store.revision, true);
    const { hash } = await call<{ hash: number }>((done) => world.store.hashKv(0, done));
    expect(hash).toBe(model.hashKv(0));
  });

  it('is that of the compaction it began at, also when another comes while it is computed', async () => {
    const world = await StoreWorld.open({ limits: { sliceUnitsMax: 1 } });
    await fill(world, 'k', 100);
    await world.deleteRange(deleteRange('k', 'l'));
    await world.compact(2, true);
    const hashKv = (): Promise<object> => call((done) => world.store.hashKv(0, done));
    const before = await hashKv();
    const under = hashKv();
    await world.compact(3, true);
    expect(await under).toEqual(before);
    expect(await hashKv()).not.toEqual(before);
  });
});

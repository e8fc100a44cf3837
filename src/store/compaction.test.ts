import { describe, expect, it } from 'vitest';
import { call, deleteRange, fill, put, range, StoreWorld, turns } from '../../test/property/store-world.ts';

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

  it('a pinned walk holds trimming back, and sees its revision to the end', async () => {
    const world = await StoreWorld.open();
    await fill(world, 'k', 20_000);
    const { revision } = world.store;
    const listed = world.range(range('k', 'l'));
    const deleted = world.deleteRange(deleteRange('k', 'l'));
    const compacted = deleted.then(() => world.compact(revision + 1, true));
    const result = await listed;
    expect(result).toMatchObject({ count: 20_000, revision });
    expect(result.kvs).toHaveLength(20_000);
    await compacted;
    expect((await world.range(range('k', 'l'))).count).toBe(0);
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
    await turns();
  });
});

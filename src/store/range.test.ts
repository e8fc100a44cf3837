import { describe, expect, it } from 'vitest';
import {
  call,
  deleteRange,
  fill,
  GatedEngine,
  put,
  range,
  StoreWorld,
  turns,
  txn,
  op,
} from '../../test/property/store-world.ts';
import { plainKvs } from '../../test/property/store-world.ts';
import type { ModelKv } from '../../test/property/store-model.ts';
import type { RangeRequest } from '../wire/index.ts';
import type { RangeStream } from './results.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

async function filled(count: number): Promise<StoreWorld> {
  const world = await StoreWorld.open();
  await fill(world, 'k', count);
  return world;
}

describe('range (B.2)', () => {
  it('1, 3 and 9: empty key, future and compacted revisions, unknown sort options', async () => {
    const world = await StoreWorld.open();
    await expect(world.range(range(''))).rejects.toEqual(refused('EmptyKey'));
    await expect(world.range(range('a', '', { revision: 2 }))).rejects.toEqual(refused('FutureRev'));
    await expect(world.range(range('a', '', { sortOrder: 3 }))).rejects.toEqual(refused('InvalidSortOption'));
    await expect(world.range(range('a', '', { sortTarget: -1 }))).rejects.toEqual(
      refused('InvalidSortOption'),
    );
    expect(await world.range(range('b', 'a'))).toMatchObject({ count: 0, kvs: [] });
  });

  it('5: without an order and without filters the limit comes before the sort', async () => {
    const world = await StoreWorld.open();
    for (const [key, value] of [
      ['a', '3'],
      ['b', '2'],
      ['c', '1'],
    ] as const)
      await world.put(put(key, value));
    const byValue = { sortTarget: 4, limit: 1 };
    const keys = async (more: Partial<RangeRequest>): Promise<string[]> =>
      (await world.range(range('a', 'z', { ...byValue, ...more }))).kvs.map(({ key }) => key);
    expect(await keys({})).toEqual(['b']);
    expect(await keys({ sortOrder: 1 })).toEqual(['c']);
    expect(await keys({ minModRevision: 1 })).toEqual(['c']);
  });

  it('6: count ignores limit and filters, more means that the filters left more', async () => {
    const world = await filled(10);
    expect(await world.range(range('k', 'l', { limit: 3 }))).toMatchObject({ count: 10, more: true });
    expect(await world.range(range('k', 'l', { limit: 3, minModRevision: 3 }))).toMatchObject({
      count: 10,
      more: false,
      kvs: [],
    });
  });

  it('a long list is walked in slices: a small request is answered before it, and writes go on', async () => {
    const world = await filled(60_000);
    const order: string[] = [];
    const list = world.range(range('k', 'l')).then((result) => {
      order.push('list');
      return result;
    });
    const point = world.range(range('k000001')).then(() => order.push('point'));
    const written = world.put(put('k000001x')).then(() => order.push('put'));
    const { kvs, count, revision } = await list;
    await Promise.all([point, written]);
    expect(order.at(-1)).toBe('list');
    expect([kvs.length, count]).toEqual([60_000, 60_000]);
    expect(revision).toBe(world.store.revision - 1);
    expect(kvs.every((kv, i) => i === 0 || kvs[i - 1]!.key < kv.key)).toBe(true);
  });

  it('a long sort equals the sort of what is there, with and without a limit', async () => {
    const world = await StoreWorld.open();
    for (let at = 0; at < 5000; at += 125) {
      const puts = Array.from({ length: 125 }, (_, i) =>
        op.put(`k${at + i}`, String(((at + i) * 7919) % 1009)),
      );
      await world.txn(txn([], puts));
    }
    const plain = (await world.range(range('k', 'l'))).kvs;
    const sorted = plain.toSorted((a, b) =>
      a.value < b.value ? 1 : a.value > b.value ? -1 : a.key < b.key ? -1 : 1,
    );
    const options = { sortOrder: 2, sortTarget: 4 };
    expect((await world.range(range('k', 'l', options))).kvs).toEqual(sorted);
    expect((await world.range(range('k', 'l', { ...options, limit: 700 }))).kvs).toEqual(
      sorted.slice(0, 700),
    );
  });

  it('pages of a pinned list have exact counts while writes go on', async () => {
    const world = await filled(9000);
    const { revision } = world.store;
    let key = 'k';
    for (let left = 9000; left > 0; left -= 1000) {
      const page = await world.range(range(key, 'l', { limit: 1000, revision }));
      expect(page).toMatchObject({ count: left, more: left > 1000 });
      key = `${page.kvs.at(-1)!.key}\0`;
      await world.deleteRange(deleteRange('k000000', 'k000500'));
      await fill(world, `k${left}`, 600);
    }
  });

  it('promise 7: pinned walks are bounded in number, bytes and time', async () => {
    for (const [limits, code] of [
      [{ pinsMax: 0 }, 'TooManyRequests'],
      [{ pinnedBytesMax: 1000 }, 'TooManyRequests'],
      [{ pinMsMax: -1 }, 'Timeout'],
    ] as const) {
      const world = await StoreWorld.open({ limits });
      await fill(world, 'k', 30_000);
      await expect(world.range(range('k', 'l'))).rejects.toEqual(refused(code));
    }
  });

  it('a linearizable answer needs the lease, a serializable one does not', async () => {
    let holds = true;
    const world = await StoreWorld.open({ lease: { holds: () => holds } });
    await world.put(put('a', '1'));
    holds = false;
    await expect(world.range(range('a'))).rejects.toEqual(refused('Timeout'));
    expect((await world.range(range('a', '', { serializable: true }))).count).toBe(1);
    await expect(world.txn(txn([], [op.range('a')]))).rejects.toEqual(refused('Timeout'));
    expect((await world.txn(txn([], []))).succeeded).toBe(true);
  });
});

describe('promise 4: huge deletes', () => {
  it('are one revision, evaluated while later writes queue, and invisible until committed', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    await fill(world, 'k', 10_000);
    engine.hold();
    const before = world.store.revision;
    const deleted = world.deleteRange(deleteRange('k', 'l', true));
    const written = world.put(put('k000001', 'new'));
    await turns(40);
    expect((await world.range(range('k', 'l'))).count).toBe(10_000);
    engine.release();
    expect(await deleted).toMatchObject({ deleted: 10_000, revision: before + 1 });
    expect(await written).toMatchObject({ revision: before + 2 });
    expect((await world.range(range('k', 'l'))).kvs).toMatchObject([{ key: 'k000001', version: 1 }]);
  });
});

interface Streamed {
  batches: number;
  kvs: ModelKv[];
  end: { code: string | undefined; revision: number; count: number; more: boolean };
}

describe('range stream (B.3)', () => {
  function stream(world: StoreWorld, request: RangeRequest, isFull = false): Promise<Streamed> {
    return new Promise((resolve) => {
      const kvs: ModelKv[] = [];
      let batches = 0;
      const streaming: RangeStream = world.store.rangeStream(request, {
        batch: (runs) => {
          batches++;
          kvs.push(...plainKvs(runs));
          if (isFull) setImmediate(() => streaming.resume());
          return !isFull;
        },
        end: (error, rest) => resolve({ batches, kvs, end: { code: error?.code, ...rest } }),
      });
    });
  }

  it('its batches together are the range, whether the client is fast or slow, with a limit or without', async () => {
    const world = await filled(10_000);
    for (const isFull of [false, true]) {
      for (const more of [
        {},
        { limit: 4500 },
        { keysOnly: true },
        { countOnly: true },
        { limit: 10_000 },
        { sortOrder: 1 },
      ]) {
        const request = range('k', 'l', more);
        const whole = await world.range(request);
        const { batches, kvs, end } = await stream(world, request, isFull);
        expect(kvs).toEqual(whole.kvs);
        expect(end).toEqual({
          code: undefined,
          revision: whole.revision,
          count: whole.count,
          more: whole.more,
        });
        if (kvs.length > 4000) expect(batches).toBeGreaterThan(1);
      }
    }
  });

  it('refuses orders, filters and revisions that it cannot have', async () => {
    const world = await filled(10);
    const code = async (more: Partial<RangeRequest>): Promise<string | undefined> =>
      (await stream(world, range('k', 'l', more))).end.code;
    expect(await code({ sortOrder: 2 })).toBe('RangeStreamSort');
    expect(await code({ sortOrder: 1, sortTarget: 1 })).toBe('RangeStreamSort');
    expect(await code({ maxModRevision: 1 })).toBe('RangeStreamFilter');
    expect(await code({ revision: 99 })).toBe('FutureRev');
    expect(await code({ sortOrder: 1 })).toBeUndefined();
  });

  it('promise 8: a client that does not read holds its pin only so long', async () => {
    const world = await filled(10_000);
    let ended: string | undefined;
    world.store.rangeStream(range('k', 'l'), { batch: () => false, end: (error) => (ended = error?.code) });
    await turns();
    await world.time.advance(299_000);
    expect(ended).toBeUndefined();
    await world.time.advance(2000);
    expect(ended).toBe('Timeout');
  });

  it('says nothing more after it was cancelled', async () => {
    const world = await filled(10_000);
    let calls = 0;
    const streaming = world.store.rangeStream(range('k', 'l'), {
      batch: () => ++calls > 5,
      end: () => calls++,
    });
    await turns();
    streaming.cancel();
    const before = calls;
    await turns();
    expect([before, calls]).toEqual([1, 1]);
    await call((done) => world.store.compact({ revision: world.store.revision, physical: true }, done));
  });
});

import { describe, expect, it } from 'vitest';
import { deleteRange, GatedEngine, put, range, StoreWorld, turns } from '../../test/property/store-world.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('put and delete', () => {
  it('promise 2: a fresh store is at revision 1 and its first write takes 2 (B.1)', async () => {
    const world = await StoreWorld.open();
    expect((await world.range(range('a'))).revision).toBe(1);
    expect((await world.put(put('a', '1'))).revision).toBe(2);
    expect((await world.range(range('a'))).kvs).toEqual([
      { key: 'a', create: 2, mod: 2, version: 1, value: '1', lease: 0n },
    ]);
  });

  it('B.1: create_revision stays until the key is deleted, the next put starts again', async () => {
    const world = await StoreWorld.open();
    await world.put(put('a', '1'));
    await world.put(put('a', '1'));
    expect((await world.range(range('a'))).kvs[0]).toMatchObject({ create: 2, mod: 3, version: 2 });
    await world.deleteRange(deleteRange('a'));
    await world.put(put('a', '1'));
    expect((await world.range(range('a'))).kvs[0]).toMatchObject({ create: 5, mod: 5, version: 1 });
  });

  it('B.1: a delete of nothing takes no revision', async () => {
    const world = await StoreWorld.open();
    expect(await world.deleteRange(deleteRange('a', '\0'))).toEqual({
      kind: 'deleteRange',
      revision: 1,
      deleted: 0,
      prevKvs: [],
    });
  });

  it('B.5: ignore_value and ignore_lease keep what there is, and need it', async () => {
    const world = await StoreWorld.open();
    await expect(world.put(put('a', '', { ignoreValue: true }))).rejects.toEqual(refused('KeyNotFound'));
    await expect(world.put(put('a', 'x', { ignoreValue: true }))).rejects.toEqual(refused('ValueProvided'));
    await expect(world.put(put('a', 'x', { ignoreLease: true, lease: 1n }))).rejects.toEqual(
      refused('LeaseProvided'),
    );
    await world.grant(1n, 60);
    await world.put(put('a', 'x', { lease: 1n }));
    await world.put(put('a', 'y', { ignoreLease: true }));
    await world.put(put('a', '', { ignoreValue: true, lease: 1n }));
    expect((await world.range(range('a'))).kvs[0]).toMatchObject({ value: 'y', lease: 1n, version: 3 });
  });

  it('promise 1: nothing is answered or visible before it is committed', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    engine.hold();
    let answered = 0;
    const written = world.put(put('a', '1')).then(() => answered++);
    const failed = world.deleteRange(deleteRange('nothing')).then(() => answered++);
    const refusedCall = world.put(put('a', '1', { lease: 9n })).then(undefined, () => answered++);
    await turns();
    expect(answered).toBe(0);
    expect((await world.range(range('a'))).count).toBe(0);
    engine.release();
    await Promise.all([written, failed, refusedCall]);
    expect((await world.range(range('a'))).count).toBe(1);
  });

  it('promise 7: beyond the proposed bytes `too many requests`, and a large request is `too large`', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open(
      { limits: { proposedBytesMax: 1000, requestBytesMax: 5000 } },
      engine,
    );
    await expect(world.put(put('a'), 4983)).rejects.toEqual(refused('RequestTooLarge'));
    engine.hold();
    const first = world.put(put('a', 'x'.repeat(2000)), 2000);
    await expect(world.put(put('b'))).rejects.toEqual(refused('TooManyRequests'));
    engine.release();
    await first;
    await world.put(put('b'), 4982);
  });

  it('a write in doubt for a second makes new writes fail at once, with the reason; reads go on', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    engine.uncertain = new Error('write failed', {
      cause: Object.assign(new Error('no'), { code: 'ENOSPC' }),
    });
    const inDoubt = world.put(put('a', '1'));
    await world.time.advance(1500);
    await expect(world.put(put('b'))).rejects.toEqual(refused('NoSpace'));
    expect((await world.range(range('a'))).count).toBe(0);
    engine.uncertain = undefined;
    await world.time.advance(2000);
    expect((await inDoubt).revision).toBe(2);
    expect((await world.put(put('b'))).revision).toBe(3);
  });

  it('close answers what was accepted and refuses the rest', async () => {
    const world = await StoreWorld.open();
    const accepted = world.put(put('a', '1'));
    const closed = world.store.close();
    await expect(world.put(put('b'))).rejects.toEqual(refused('Stopped'));
    expect((await accepted).revision).toBe(2);
    await closed;
    await world.reopen();
    expect((await world.range(range('a'))).count).toBe(1);
  });
});

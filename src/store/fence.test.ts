import { describe, expect, it } from 'vitest';
import { GatedEngine, put, range, StoreWorld, turns } from '../../test/property/store-world.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('promise 3: a store that another has taken over from', () => {
  it('takes back what it has proposed, attachments too, and says `leader changed`', async () => {
    const engine = new GatedEngine();
    const old = await StoreWorld.open({}, engine);
    await old.grant(1n, 60);
    await old.grant(2n, 60);
    await old.put(put('a', '1', { lease: 1n }));
    await old.put(put('b', '1', { lease: 1n }));
    const { store } = old;
    const next = await StoreWorld.open({}, engine);
    const { revision } = next.store;
    const calls = [
      old.put(put('a', '2', { lease: 2n })),
      old.put(put('b', '2')),
      old.put(put('c', '2', { lease: 2n })),
      old.grant(3n, 60),
      old.put(put('d', '2', { lease: 3n })),
    ];
    for (const call of calls) await expect(call).rejects.toEqual(refused('LeaderChanged'));
    await expect(old.put(put('e'))).rejects.toEqual(refused('LeaderChanged'));
    await expect(old.range(range('a'))).rejects.toEqual(refused('LeaderChanged'));
    expect(store.revision).toBe(revision);
    expect((await old.range(range('a', 'z', { serializable: true }))).kvs).toMatchObject([
      { key: 'a', value: '1', lease: 1n },
      { key: 'b', value: '1', lease: 1n },
    ]);
    expect((await next.timeToLive(1n)).keys).toEqual(['a', 'b']);
    expect((await next.put(put('a', '3'))).revision).toBe(revision + 1);
    await turns();
  });
});

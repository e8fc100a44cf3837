import { describe, expect, it } from 'vitest';
import { put, range, StoreWorld } from '../../test/property/store-world.ts';

describe('put', () => {
  it('promise 2: a fresh store is at revision 1 and its first write takes 2 (B.1)', async () => {
    const world = await StoreWorld.open();
    expect((await world.range(range('a'))).revision).toBe(1);
    expect((await world.put(put('a', '1'))).revision).toBe(2);
    expect(await world.range(range('a'))).toEqual({
      kind: 'range',
      revision: 2,
      count: 1,
      more: false,
      kvs: [{ key: 'a', create: 2, mod: 2, version: 1, value: '1', lease: 0n }],
    });
  });
});

import { describe, expect, it } from 'vitest';
import {
  call,
  compare,
  deleteRange,
  op,
  put,
  range,
  StoreWorld,
  txn,
} from '../../test/property/store-world.ts';
import type { AlarmResult } from './results.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

function alarm(world: StoreWorld, action: number, member: bigint, type: number): Promise<AlarmResult> {
  return call<AlarmResult>((done) => world.store.alarm({ action, member, alarm: type }, done));
}
async function alarms(world: StoreWorld, ...request: [number, bigint, number]): Promise<[bigint, number][]> {
  return (await alarm(world, ...request)).alarms.map(({ member, alarm: type }) => [member, type]);
}

describe('alarms and the quota (B.9)', () => {
  it('beyond the quota NOSPACE is raised: what takes space is refused until it is disarmed, the rest works', async () => {
    const world = await StoreWorld.open({ quotaBytes: 5000 });
    await world.put(put('a', 'x'.repeat(3000)));
    await world.put(put('b', 'x'));
    await expect(world.put(put('c', 'x'.repeat(2000)))).rejects.toEqual(refused('NoSpace'));
    const member = world.store.memberId('node');
    expect(await alarms(world, 0, 0n, 0)).toEqual([[member, 1]]);
    await expect(world.put(put('b'))).rejects.toEqual(refused('NoSpace'));
    await expect(world.grant(1n, 5)).rejects.toEqual(refused('NoSpace'));
    const never = compare('a', { target: 0, operand: { kind: 'version', value: 9 } });
    await expect(world.txn(txn([never], [op.put('b')], [op.range('a')]))).rejects.toEqual(refused('NoSpace'));
    expect((await world.txn(txn([], [op.deleteRange('zz'), op.range('a')]))).succeeded).toBe(true);
    expect((await world.deleteRange(deleteRange('a'))).deleted).toBe(1);
    await world.compact(world.store.revision, true);
    await expect(world.put(put('b'))).rejects.toEqual(refused('NoSpace'));
    expect(await alarms(world, 2, member, 1)).toEqual([[member, 1]]);
    expect((await world.put(put('b'))).revision).toBe(5);
  });

  it('alarms survive a restart', async () => {
    const world = await StoreWorld.open();
    await alarm(world, 1, 7n, 1);
    await world.store.close();
    await world.reopen();
    expect(await alarms(world, 0, 0n, 1)).toEqual([[7n, 1]]);
    await expect(world.put(put('a'))).rejects.toEqual(refused('NoSpace'));
  });

  it('activate, deactivate and get, and what etcd has no answer for', async () => {
    const world = await StoreWorld.open();
    expect(await alarms(world, 1, 1n, 0)).toEqual([]);
    expect(await alarms(world, 1, 1n, 2)).toEqual([[1n, 2]]);
    expect(await alarms(world, 1, 1n, 2)).toEqual([[1n, 2]]);
    await expect(world.put(put('a'))).rejects.toEqual(refused('Corrupt'));
    await expect(world.deleteRange(deleteRange('a'))).rejects.toEqual(refused('Corrupt'));
    await expect(world.compact(1)).rejects.toEqual(refused('Corrupt'));
    expect((await world.range(range('a'))).count).toBe(0);
    expect(await alarms(world, 2, 2n, 2)).toEqual([]);
    expect(await alarms(world, 2, 1n, 2)).toEqual([[1n, 2]]);
    expect(await alarms(world, 9, 1n, 2)).toEqual([]);
    await world.put(put('a'));
  });

  it('alarms of unknown types are kept over a restart and refuse nothing', async () => {
    const world = await StoreWorld.open();
    expect(await alarms(world, 1, 1n, 3)).toEqual([[1n, 3]]);
    expect(await alarms(world, 1, 1n, -1)).toEqual([[1n, -1]]);
    await world.put(put('a'));
    await world.store.close();
    await world.reopen();
    expect(await alarms(world, 0, 0n, -1)).toEqual([[1n, -1]]);
    expect(await alarms(world, 2, 1n, -1)).toEqual([[1n, -1]]);
    expect(await alarms(world, 0, 0n, 0)).toEqual([[1n, 3]]);
  });

  it('of an empty store, some bytes are in use, as of an empty etcd', async () => {
    const { inUseBytes } = (await StoreWorld.open()).store.status();
    expect(inUseBytes).toBeGreaterThan(0);
    expect(inUseBytes).toBeLessThan(100);
  });

  it('a key that was deleted is no live one, though it is kept until compaction', async () => {
    const world = await StoreWorld.open();
    for (const key of ['a', 'b', 'c']) await world.put(put(key));
    await world.deleteRange(deleteRange('a', 'c'));
    expect(world.store.status()).toMatchObject({ keys: 3, liveKeys: 1 });
  });

  it('status tells what there is', async () => {
    const world = await StoreWorld.open({ quotaBytes: 9000 });
    await world.put(put('a', 'x'.repeat(100)));
    await world.grant(1n, 5);
    const status = world.store.status();
    expect(status).toMatchObject({
      revision: 2,
      compacted: 0,
      epoch: 1,
      quotaBytes: 9000,
      keys: 1,
      leases: 1,
      alarms: [],
    });
    expect(status.inUseBytes).toBeGreaterThan(100);
    await world.store.defragment();
    expect(world.store.status().sizeBytes).toBeGreaterThan(100);
  });
});

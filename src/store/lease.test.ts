import { describe, expect, it } from 'vitest';
import {
  call,
  deleteRange,
  fill,
  op,
  put,
  range,
  StoreWorld,
  turns,
  txn,
} from '../../test/property/store-world.ts';
import { MemoryEngine } from '../engine/memory/index.ts';
import type { LeasesResult } from './results.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

async function leases(world: StoreWorld): Promise<bigint[]> {
  return [...(await call<LeasesResult>((done) => world.store.leaseLeases(done))).ids];
}

describe('leases (B.8)', () => {
  it('grant: chosen ids are positive, a short TTL is raised, a long one refused, an id is given once', async () => {
    const world = await StoreWorld.open();
    const chosen = await world.grant(0n, -5);
    expect(chosen).toMatchObject({ ttl: 2, revision: 1 });
    expect(chosen.id).toBeGreaterThan(0n);
    await expect(world.grant(chosen.id, 5)).rejects.toEqual(refused('LeaseExist'));
    await expect(world.grant(1n, 9_000_000_001)).rejects.toEqual(refused('LeaseTTLTooLarge'));
    expect(await world.grant(-1n, 9_000_000_000)).toMatchObject({ id: -1n, ttl: 9_000_000_000 });
  });

  it('promise 7: leases have a bound', async () => {
    const world = await StoreWorld.open({ limits: { leasesMax: 2 } });
    const grants = [1n, 2n, 3n].map((id) => world.grant(id, 5));
    await expect(grants[2]).rejects.toEqual(refused('TooManyRequests'));
    await Promise.all(grants.slice(0, 2));
  });

  it('promise 2: revoke deletes all keys in one revision, in their order; without keys it takes none', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 60);
    await world.grant(2n, 60);
    for (const key of ['c', 'a', 'b', 'd']) await world.put(put(key, '', { lease: 1n }));
    await world.put(put('d', ''));
    await world.deleteRange(deleteRange('c'));
    expect(await world.revoke(1n)).toBe(8);
    const { index } = world.store;
    const deleted: string[] = [];
    for (let at = index.historySeek(8); at < index.historyEnd; at++) {
      deleted.push(Buffer.from(index.keyBytes(index.keyOf(index.historyAt(at)))).toString());
    }
    expect(deleted).toEqual(['a', 'b']);
    expect(await world.revoke(2n)).toBe(8);
    await expect(world.revoke(2n)).rejects.toEqual(refused('LeaseNotFound'));
  });

  it('expires not before its TTL, deletes its keys, and a keep-alive of what is gone gives 0', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 5);
    await world.put(put('a', '', { lease: 1n }));
    await world.time.advance(4900);
    expect((await world.range(range('a'))).count).toBe(1);
    expect(await world.timeToLive(1n)).toEqual({ ttl: 0, grantedTtl: 5, keys: ['a'] });
    await world.time.advance(1100);
    expect((await world.range(range('a'))).count).toBe(0);
    expect(await world.keepAlive(1n)).toBe(0);
    expect(await world.timeToLive(1n)).toEqual({ ttl: -1, grantedTtl: 0, keys: [] });
  });

  it('a keep-alive gives the whole time again, one after the end waits for the revocation', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 5);
    await world.put(put('a', '', { lease: 1n }));
    for (let i = 0; i < 3; i++) {
      await world.time.advance(4000);
      expect(await world.keepAlive(1n)).toBe(5);
    }
    await world.time.advance(4500);
    world.time.pause(500);
    let ttl: number | undefined;
    const late = world.keepAlive(1n).then((found) => (ttl = found));
    await turns();
    expect(ttl).toBeUndefined();
    await world.time.advance(1000);
    expect(await late).toBe(0);
    expect((await world.range(range('a'))).count).toBe(0);
  });

  it('a pause of the process is given back to all leases', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 5);
    await world.time.advance(1000);
    world.time.pause(60_000);
    expect(await world.keepAlive(1n)).toBe(5);
    await world.time.advance(3000);
    world.time.pause(60_000);
    await world.time.advance(1000);
    expect(await leases(world)).toEqual([1n]);
    await world.time.advance(1500);
    expect(await leases(world)).toEqual([]);
  });

  it('a lease that is granted right after a pause has its own time, and not that of the pause', async () => {
    const world = await StoreWorld.open();
    await world.time.advance(1000);
    world.time.pause(60_000);
    await world.grant(1n, 5);
    await world.time.advance(1000);
    expect(await world.timeToLive(1n)).toMatchObject({ ttl: 4, grantedTtl: 5 });
    await world.time.advance(5500);
    expect(await leases(world)).toEqual([]);
  });

  it('a restart gives every lease its whole time, and keys stay attached', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 5);
    await world.put(put('a', '', { lease: 1n }));
    await world.time.advance(4000);
    await world.store.close();
    await world.reopen();
    expect(await world.timeToLive(1n)).toEqual({ ttl: 5, grantedTtl: 5, keys: ['a'] });
    await world.time.advance(4000);
    expect(await leases(world)).toEqual([1n]);
    await world.time.advance(2000);
    expect((await world.range(range('a'))).count).toBe(0);
  });

  it('a node that leads again ends leases that it knew when it led before', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 5);
    await world.put(put('a', '', { lease: 1n }));
    world.store.depose();
    await turns();
    expect(await world.store.lead()).toBe(true);
    await world.time.advance(4000);
    expect(await leases(world)).toEqual([1n]);
    await world.time.advance(2000);
    expect(await leases(world)).toEqual([]);
    expect((await world.range(range('a'))).count).toBe(0);
  });

  it('a restart from a compacted log leaves no deleted key attached: a lease ends with what it has', async () => {
    const cleanerLimits = { deadBytesMin: 1, deadShareMin: 0.01, removalsMin: 1000 };
    const world = await StoreWorld.open({ cleanerLimits });
    await world.grant(1n, 5);
    await world.put(put('b', '', { lease: 1n }));
    // A chunk that is cleaned, and names the compaction; behind it one that is worth keeping as it is.
    for (let i = 0; i < 2; i++) await world.put(put('z', 'z'.repeat(100_000)));
    const three = [op.put('a', '', { lease: 1n }), op.put('x'), op.put('y', 'y'.repeat(200_000))];
    await world.txn(txn([], three));
    await world.deleteRange(deleteRange('a'));
    await world.put(put('x'));
    await world.compact(world.store.revision, true);
    await world.store.close();
    await world.reopen();
    expect((await world.timeToLive(1n)).keys).toEqual(['b']);
    const { revision } = world.store;
    await world.time.advance(6000);
    expect(world.store.revision).toBe(revision + 1);
    expect((await world.range(range('\0', '\0'))).kvs.map(({ key }) => key)).toEqual(['x', 'y', 'z']);
  });

  it('LeaseLeases: soonest to expire first', async () => {
    const world = await StoreWorld.open();
    for (const [id, ttl] of [
      [3n, 30],
      [1n, 10],
      [2n, 20],
    ] as const)
      await world.grant(id, ttl);
    expect(await leases(world)).toEqual([1n, 2n, 3n]);
    await world.time.advance(5000);
    await world.keepAlive(2n);
    await world.keepAlive(1n);
    expect(await leases(world)).toEqual([1n, 2n, 3n]);
  });

  it('promise 7: at most so many expire in a tick', async () => {
    const world = await StoreWorld.open({ limits: { expiriesPerTickMax: 2 } });
    for (const id of [1n, 2n, 3n, 4n, 5n]) await world.grant(id, 2);
    await world.time.advance(2000);
    expect(await leases(world)).toHaveLength(3);
    await world.time.advance(1000);
    expect(await leases(world)).toHaveLength(0);
  });

  it('promise 7: what could not end in one commit is not attached, so that every lease can end', async () => {
    const world = await StoreWorld.open({}, new MemoryEngine({ commitBytesMax: 1 << 20 }));
    await world.grant(1n, 5);
    await world.grant(2n, 60);
    const key = (i: number): string => `${i}`.padEnd(40_000, '.');
    let held = 0;
    const full = refused('LeaseFull');
    const fillUp = async (): Promise<void> => {
      for (; held < 100; held++) await world.put(put(key(held), 'v', { lease: 1n }));
    };
    await expect(fillUp()).rejects.toEqual(full);
    expect(held).toBeGreaterThan(15);
    const two = [op.put(key(held), '', { lease: 1n }), op.put('small', '', { lease: 1n })];
    await expect(world.txn(txn([], two))).rejects.toEqual(full);
    await expect(world.txn(txn([], [op.put(key(held), '', { lease: 1n })]))).rejects.toEqual(full);
    // One that is attached already stays so, and what is detached makes room.
    await world.put(put(key(0), 'again', { lease: 1n }));
    await world.txn(txn([], [op.put(key(1), 'again', { lease: 1n })]));
    await world.put(put(key(0), '', { lease: 2n }));
    await world.deleteRange(deleteRange(key(1)));
    await world.txn(txn([], two));
    await world.put(put(key(1), '', { lease: 1n }));
    await expect(world.put(put(key(2).replaceAll('.', ':'), '', { lease: 1n }))).rejects.toEqual(full);
    const { revision } = world.store;
    await world.time.advance(7000);
    expect(world.store.revision).toBe(revision + 1);
    expect((await world.range(range('\0', '\0'))).kvs.map((kv) => kv.lease)).toEqual([2n]);
    expect(await leases(world)).toEqual([2n]);
  });

  it('promise 4: a keep-alive between two slices of a long revocation does not save the lease', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 60);
    await fill(world, 'k', 6000, 'v', 1n);
    const before = world.store.revision;
    const revoked = world.revoke(1n);
    await turns(2);
    expect(world.store.revision).toBe(before);
    expect(await world.keepAlive(1n)).toBe(0);
    expect(await revoked).toBe(before + 1);
  });

  it('a lease with many keys ends in one revision, in slices, while later writes queue', async () => {
    const world = await StoreWorld.open();
    await world.grant(1n, 60);
    await fill(world, 'k', 6000, 'v', 1n);
    const before = world.store.revision;
    const answers: string[] = [];
    const revoked = world.revoke(1n).then((revision) => answers.push(`revoked ${revision}`));
    const written = world.put(put('z')).then(({ revision }) => answers.push(`put ${revision}`));
    await Promise.all([revoked, written]);
    expect(answers).toEqual([`revoked ${before + 1}`, `put ${before + 2}`]);
    expect((await world.range(range('k', 'l'))).count).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import type { Lock } from '../lock/lock.ts';
import { Op } from '../messages.ts';
import { RegionClient } from '../region/region-client.ts';
import type { Session } from '../session.ts';
import type { StoreRequests } from '../store-messages.ts';
import {
  placementDriver,
  region,
  regionError,
  ScriptedRpc,
  up,
  virtualEnvironment,
} from '../../../test/support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { resolveAllLocks } from './resolve-all-locks.ts';

const safePoint = 1000n;
const moved = { regionNotFound: { regionId: 1n } };

/**
 * Two regions, up to k2 and from there on, with a lock on each of `count` keys; transaction 7 is committed at 9, the
 * others, from 8 on, are rolled back. Every `trouble`th call finds its region moved, before or after it is applied.
 */
function setUp(count: number, trouble = Infinity) {
  const time = new VirtualTime();
  const environment = virtualEnvironment(time);
  const infos = [region(1n, ['', 'k2']), region(2n, ['k2', ''])] as const;
  const at = (key: Uint8Array) => (compareBytes(key, infos[1].start) < 0 ? infos[0] : infos[1]);
  const locks = new Map(
    Array.from({ length: count }, (_, n) => {
      const lockVersion = n === count - 1 ? safePoint + 1n : 7n + BigInt(n % 5);
      const lock: { lockVersion: bigint; lockType?: number } = { lockVersion };
      return [`k${String(n % 3)}${String(n).padStart(5, '0')}`, lock] as const;
    }),
  );
  const resolved: string[] = [];
  const inRegion = (name: string, id: bigint | undefined): boolean => at(Buffer.from(name)).id === id;
  let calls = 0;
  const rpc = new ScriptedRpc(time, ({ method, request, context }) => {
    const isTrouble = ++calls % trouble === 0;
    if (isTrouble && calls % 2 === 0) return regionError(moved);
    let answer: object;
    if (method === 'KvScanLock') {
      const { startKey, endKey, maxVersion, limit } = request as StoreRequests['KvScanLock'];
      const found = [...locks]
        .filter(([name, { lockVersion }]) => {
          const key = Buffer.from(name);
          const isWithin =
            compareBytes(key, startKey) >= 0 && (endKey.length === 0 || compareBytes(key, endKey) < 0);
          return isWithin && inRegion(name, context.regionId) && lockVersion <= maxVersion;
        })
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit);
      answer = {
        locks: found.map(([name, lock]) => ({
          ...lock,
          key: Buffer.from(name),
          primaryLock: Buffer.from('p'),
        })),
      };
    } else {
      const { txnInfos = [] } = request as StoreRequests['KvResolveLock'];
      for (const [name, { lockVersion, lockType }] of locks) {
        if (lockType === Op.PessimisticLock) continue;
        const info = txnInfos.find(({ txn }) => txn === lockVersion);
        if (info === undefined || !inRegion(name, context.regionId)) continue;
        locks.delete(name);
        resolved.push(`${lockVersion}:${info.status}`);
      }
      answer = {};
    }
    return isTrouble ? regionError(moved) : { ...answer, error: undefined };
  });
  const pd = placementDriver({
    region: async (key) => at(key),
    previousRegion: async () => infos[1],
    regions: async () => [...infos],
    store: async (id) => up(id, `s${id}`),
  });
  const regions = new RegionClient({ environment, pd, rpc });
  const finished: bigint[] = [];
  const resolver = {
    forget: async (forgotten: readonly Lock[]) => {
      for (const { key, lockVersion } of forgotten) {
        locks.delete(key.toString() as `k${string}`);
        resolved.push(`${lockVersion}:forgotten`);
      }
    },
    finish: async ({ lockVersion }: Lock) => {
      finished.push(lockVersion);
      return lockVersion === 7n ? { kind: 'committed', commitTimestamp: 9n } : { kind: 'rolled-back' };
    },
  };
  const readBackoff = (budgetMs: number): Backoff => new Backoff(environment, budgetMs);
  const session = { environment, regions, resolver, readBackoff } as unknown as Session;
  return { time, rpc, locks, resolved, finished, session };
}

describe('resolving all locks up to the safe point', () => {
  test('in all regions, however many, each transaction as it ended; newer ones stay', async () => {
    const { time, rpc, locks, resolved, finished, session } = setUp(5000);
    const newest = [...locks.keys()].at(-1);
    const count = await time.run(resolveAllLocks(session, safePoint, undefined));
    expect([...locks.keys()]).toEqual([newest]);
    expect(resolved).toHaveLength(4999);
    expect(new Set(resolved)).toEqual(new Set(['7:9', '8:0', '9:0', '10:0', '11:0']));
    // A removal takes all locks of its transactions in a region: nothing is left for a second look.
    expect(count).toBe(2 * 1024);
    expect(finished).toHaveLength(10);
    expect(rpc.asked.map(({ method }) => method)).toEqual([
      'KvScanLock',
      'KvResolveLock',
      'KvScanLock',
      'KvScanLock',
      'KvResolveLock',
      'KvScanLock',
    ]);
  });

  test('a pessimistic lock says nothing of its transaction: it is removed alone, and only the others are resolved', async () => {
    const { time, locks, resolved, finished, session } = setUp(0);
    const lockType = Op.PessimisticLock;
    // The last lock of 7 names a primary that its transaction left for another.
    locks.set('k00001', { lockVersion: 7n });
    locks.set('k00002', { lockVersion: 8n, lockType });
    locks.set('k00003', { lockVersion: 7n, lockType });
    expect(await time.run(resolveAllLocks(session, safePoint, undefined))).toBe(3);
    expect(locks.size).toBe(0);
    expect(resolved.toSorted()).toEqual(['7:9', '7:forgotten', '8:forgotten']);
    // What is still alive of it is ended all the same.
    expect(finished.toSorted()).toEqual([7n, 7n, 8n]);
  });

  test.each([3, 4, 5])('while every %s. call finds its region moved', async (trouble) => {
    const { time, locks, session } = setUp(2000, trouble);
    await time.run(resolveAllLocks(session, safePoint, undefined));
    expect(locks.size).toBe(1);
  });

  test('nothing to do is a call for each region', async () => {
    const { time, rpc, session } = setUp(0);
    expect(await time.run(resolveAllLocks(session, safePoint, undefined))).toBe(0);
    expect(rpc.asked.map(({ context }) => context.regionId)).toEqual([1n, 2n]);
  });

  test('a transaction that cannot be decided ends it', async () => {
    const { time, locks, session } = setUp(10);
    const refusing = { ...session, resolver: { finish: () => Promise.reject(new Error('no')) } };
    await expect(
      time.run(resolveAllLocks(refusing as unknown as Session, safePoint, undefined)),
    ).rejects.toThrow('no');
    expect(locks.size).toBe(10);
  });
});

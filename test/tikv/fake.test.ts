import { afterEach, beforeEach, expect, test } from 'vitest';
import { Action, Op } from '../../src/tikv/messages.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';

import { RawClient } from '../support/tikv/raw-client.ts';
import { testTls } from '../support/tikv/tls.ts';

/** The fake itself, asked by hand: what the suites of the client rest on. */

let cluster: FakeCluster;
let raw: RawClient;
const a = Buffer.from('a');
const b = Buffer.from('b');
const value = Buffer.from('value');

beforeEach(async () => {
  cluster = await FakeCluster.start();
  raw = new RawClient(cluster);
});

afterEach(async () => {
  raw.close();
  await cluster.close();
});

const put = (key: Buffer) => ({ op: Op.Put, key, value });

async function prewrite(startVersion: bigint, keys: readonly Buffer[], more: object = {}) {
  return raw.send(keys[0]!, 'KvPrewrite', {
    ...{ mutations: keys.map(put), primaryLock: keys[0]!, startVersion, lockTtl: 3000n, txnSize: 1n },
    ...{ minCommitTs: 0n, tryOnePc: false, ...more },
  });
}

const get = async (key: Buffer) => raw.send(key, 'KvGet', { key, version: await raw.timestamp() });

test('timestamps grow', async () => {
  const first = await raw.timestamp();
  expect(await raw.timestamp()).toBeGreaterThan(first);
});

test('a transaction in two phases is seen when its primary is committed', async () => {
  const startVersion = await raw.timestamp();
  expect((await prewrite(startVersion, [a, b])).errors).toEqual([]);
  expect((await get(a)).error?.locked).toMatchObject({ lockVersion: startVersion, primaryLock: a, key: a });
  const commitVersion = await raw.timestamp();
  await raw.send(a, 'KvCommit', { startVersion, commitVersion, keys: [a, b] });
  expect((await get(b)).value).toEqual(value);
  expect(cluster.violations()).toEqual([]);
});

test('one phase gets a timestamp above whatever was read', async () => {
  const startVersion = await raw.timestamp();
  const readAt = await raw.timestamp();
  expect((await raw.send(a, 'KvGet', { key: a, version: readAt })).notFound).toBe(true);
  const { onePcCommitTs } = await prewrite(startVersion, [a, b], { tryOnePc: true });
  expect(onePcCommitTs).toBe(readAt + 1n);
  expect(cluster.locks()).toEqual([]);
  const again = await prewrite(startVersion, [a, b], { tryOnePc: true });
  expect(again.onePcCommitTs).toBe(onePcCommitTs);
});

test('a later transaction conflicts, and a late one finds itself rolled back', async () => {
  const early = await raw.timestamp();
  const late = await raw.timestamp();
  await prewrite(late, [a], { tryOnePc: true });
  expect((await prewrite(early, [a])).errors[0]?.conflict).toMatchObject({
    startTs: early,
    conflictTs: late,
  });
  const next = await raw.timestamp();
  const status = await raw.send(a, 'KvCheckTxnStatus', {
    ...{ primaryKey: a, lockTs: next, callerStartTs: 0n, currentTs: await raw.timestamp() },
    ...{ rollbackIfNotExist: true, verifyIsPrimary: true },
  });
  expect(status.action).toBe(Action.LockNotExistRollback);
  expect((await prewrite(next, [a], { tryOnePc: true })).errors[0]?.conflict?.reason).toBe(3);
});

test('a lock expires by the clock of the timestamps', async () => {
  const lockTs = await raw.timestamp();
  await prewrite(lockTs, [a]);
  const ask = async () =>
    raw.send(a, 'KvCheckTxnStatus', {
      ...{ primaryKey: a, lockTs, callerStartTs: 0n, currentTs: await raw.timestamp() },
      ...{ rollbackIfNotExist: false, verifyIsPrimary: true },
    });
  expect(await ask()).toMatchObject({ lockTtl: 3000n, action: Action.NoAction });
  await cluster.shiftClock(3100);
  expect(await ask()).toMatchObject({ lockTtl: 0n, action: Action.TTLExpireRollback });
  expect((await get(a)).notFound).toBe(true);
});

test('regions split, merge and move, and say so', async () => {
  const before = await raw.locate(b);
  await cluster.split(b);
  const after = await raw.locate(b);
  expect(after.region.id).not.toBe(before.region.id);
  await cluster.transfer(after.region.id, 2n);
  expect((await raw.locate(b)).leader.storeId).toBe(2n);
  await prewrite(await raw.timestamp(), [b], { tryOnePc: true });
  await cluster.merge(before.region.id, 'right');
  expect((await cluster.regions()).map(({ id }) => id)).toEqual([after.region.id]);
  expect((await get(b)).value).toEqual(value);
});

test('a store that stops loses its regions to others, and comes back at its address', async () => {
  await cluster.stopStore(1n);
  await expect.poll(async () => (await cluster.regions())[0]?.leader, { timeout: 60_000 }).not.toBe(1n);
  expect((await get(a)).notFound).toBe(true);
  await cluster.startStore(1n);
});

test('an answer that is lost after it took effect', async () => {
  await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
  const startVersion = await raw.timestamp();
  await expect(prewrite(startVersion, [a], { tryOnePc: true })).rejects.toThrow(/UNAVAILABLE/);
  expect((await get(a)).value).toEqual(value);
  expect(cluster.violations()).toEqual([]);
  await prewrite(startVersion, [a], { tryOnePc: true });
  expect(cluster.violations()).toHaveLength(1);
});

test('over TLS', async () => {
  const tls = await testTls();
  const secure = await FakeCluster.start({ tls });
  const hand = new RawClient({ pd: secure.pd, tls: tls.client });
  expect(await hand.timestamp()).toBeGreaterThan(0n);
  hand.close();
  await secure.close();
});

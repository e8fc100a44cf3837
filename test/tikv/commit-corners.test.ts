import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Op } from '../../src/tikv/messages.ts';
import type { TikvSnapshot } from '../../src/tikv/index.ts';
import { TikvClient } from '../../src/tikv/index.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import type { FakeCall } from '../support/tikv/fake/world.ts';
import { RawClient } from '../support/tikv/raw-client.ts';
import { bytes, commit, expectCommitted, insert, put, read, readAll } from './data.ts';

/**
 * Goal: the corners of a commit in which a store's answer does not mean what it seems to. Method: the fake runs what the
 * test wants between two calls of the client.
 */

/** Used up by calls that get no answer; settling has as long again, which is far more than it takes. */
const budgetMs = 1500;
let cluster: FakeCluster;
let client: TikvClient;
let raw: RawClient;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  raw = new RawClient(cluster);
  client = await TikvClient.open({ pd: cluster.pd, environment: new TestEnvironment() });
  await commit(client, [put('a', 'old'), put('z', 'old')]);
});

afterEach(async () => {
  cluster.world.beforeCall = undefined;
  await cluster.clearFaults();
  await client.close();
  raw.close();
  expect(cluster.violations()).toEqual([]);
  expect(cluster.locks()).toEqual([]);
  await cluster.close();
});

/** Runs `change` before the `nth` call of `rpc` from now on. */
function before(rpc: string, nth: number, change: (call: FakeCall) => void | Promise<void>): void {
  let count = 0;
  cluster.world.beforeCall = async (call) => {
    if (call.rpc !== rpc || ++count !== nth) return;
    cluster.world.beforeCall = undefined;
    await change(call);
  };
}

async function at(timestamp: bigint): Promise<TikvSnapshot> {
  return client.snapshot(timestamp);
}

/** `value` is what both keys have from `timestamp` on, and not before. */
async function expectSeenFrom(timestamp: bigint, value: string): Promise<void> {
  const [now, earlier] = [await at(timestamp), await at(timestamp - 1n)];
  expect((await now.batchGet([bytes('a'), bytes('z')])).map(String)).toEqual([value, value]);
  expect((await earlier.batchGet([bytes('a'), bytes('z')])).map(String)).toEqual(['old', 'old']);
}

describe('one phase, its answer lost', () => {
  test('applied, and the region split before the next attempt: the timestamp is the real one', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    before('KvPrewrite', 2, () => cluster.split(bytes('m')));
    const outcome = expectCommitted(await commit(client, [put('a', 'new'), put('z', 'new')]));
    expect(outcome.onePhase).toBe(true);
    expect(cluster.world.recorded.filter(({ rpc }) => rpc === 'KvCommit')).toEqual([]);
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('applied, and the next attempt falls back: the timestamp is the real one', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    before('KvPrewrite', 2, ({ request }) => void Object.assign(request, { tryOnePc: false }));
    const outcome = expectCommitted(await commit(client, [put('a', 'new'), put('z', 'new')]));
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('not applied, and the region split before the next attempt: it goes on in two phases', async () => {
    await cluster.fault({ kind: 'drop-before', rpc: 'KvPrewrite' });
    before('KvPrewrite', 2, () => cluster.split(bytes('m')));
    const outcome = expectCommitted(await commit(client, [put('a', 'new'), put('z', 'new')]));
    expect(outcome.onePhase).toBe(false);
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('applied, and a key that was only checked has been written since: it is committed all the same', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    // It is judged before the others, whose records would tell.
    before('KvPrewrite', 2, () => writeByHand('A'));
    const check = { op: 'check-not-exists', key: bytes('A') } as const;
    const outcome = expectCommitted(await commit(client, [put('z', 'new'), check, put('a', 'new')]));
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('not applied, and another wrote the key since: it is a conflict', async () => {
    await cluster.fault({ kind: 'drop-before', rpc: 'KvPrewrite' });
    before('KvPrewrite', 2, () => writeByHand('z'));
    const outcome = await commit(client, [put('a', 'new'), put('z', 'new')]);
    expect(outcome).toMatchObject({ kind: 'conflict', key: bytes('z') });
    expect(await read(client, 'a')).toBe('old');
  });

  test('it comes late, after the fate was settled: it is rolled back for ever', async () => {
    await cluster.fault({ kind: 'late', rpc: 'KvPrewrite', delayMs: 600_000 });
    await cluster.fault({ kind: 'drop-before', rpc: 'KvPrewrite', count: 100 });
    const outcome = await commit(client, [put('a', 'new'), put('z', 'new')], { budgetMs });
    expect(outcome).toMatchObject({ kind: 'rolled-back', cause: { code: 'unavailable' } });
    await cluster.clearFaults();
    cluster.world.hurry();
    expect(await readAll(client)).toEqual([
      ['a', 'old'],
      ['z', 'old'],
    ]);
  });

  test('it fell back unseen, and nothing can be asked again: its locks are removed', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    await cluster.fault({ kind: 'drop-before', rpc: 'KvPrewrite', count: 100 });
    before('KvPrewrite', 1, ({ request }) => void Object.assign(request, { tryOnePc: false }));
    const outcome = await commit(client, [put('a', 'new'), put('z', 'new')], { budgetMs });
    expect(outcome.kind).toBe('rolled-back');
    expect(await read(client, 'z')).toBe('old');
  });

  test('an insert that took effect does not meet itself', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    expectCommitted(await commit(client, [insert('n', 'new')]));
    await cluster.fault({ kind: 'undetermined', rpc: 'KvPrewrite' });
    expectCommitted(await commit(client, [insert('o', 'new')]));
    expect(await commit(client, [insert('n', 'newer')])).toEqual({ kind: 'exists', key: bytes('n') });
  });
});

describe('two phases', () => {
  beforeEach(() => cluster.split(bytes('m')));

  test('a reader pushes the transaction between the phases: it commits behind the reader', async () => {
    let readAt = 0n;
    before('KvCommit', 1, async () => {
      const other = await TikvClient.open({ pd: cluster.pd, environment: new TestEnvironment() });
      const snapshot = await other.snapshot();
      readAt = snapshot.timestamp;
      expect((await snapshot.get(bytes('a')))?.toString()).toBe('old');
      await other.close();
    });
    const outcome = expectCommitted(await commit(client, [put('a', 'new'), put('z', 'new')]));
    expect(outcome.commitTimestamp).toBeGreaterThan(readAt);
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('another rolls it back between the phases: so it is', async () => {
    before('KvCommit', 1, async ({ request }) => {
      const { startVersion } = request as { startVersion: bigint };
      await raw.send(bytes('a'), 'KvBatchRollback', { startVersion, keys: [bytes('a')] });
    });
    const outcome = await commit(client, [put('a', 'new'), put('z', 'new')]);
    expect(outcome.kind).toBe('rolled-back');
    expect(await read(client, 'z')).toBe('old');
  });

  test('another rolls it back while the primary is locked anew after a lost answer', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvPrewrite' });
    before('KvPrewrite', 3, async ({ request }) => {
      const { startVersion } = request as { startVersion: bigint };
      await raw.send(bytes('a'), 'KvBatchRollback', { startVersion, keys: [bytes('a'), bytes('b')] });
    });
    const outcome = await commit(client, [put('a', 'new'), put('b', 'new'), put('z', 'new')]);
    expect(['committed', 'rolled-back']).toContain(outcome.kind);
    expect(await read(client, 'b')).toBe(outcome.kind === 'committed' ? 'new' : undefined);
  });

  test('regions split and merge between the phases', async () => {
    before('KvCommit', 1, async () => {
      const [left] = await cluster.regions();
      await cluster.merge(left!.id);
      await cluster.split(bytes('b'));
      await cluster.split(bytes('y'));
    });
    const outcome = expectCommitted(
      await commit(client, [put('a', 'new'), put('p', 'new'), put('z', 'new')]),
    );
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('a definite error in one region: what is locked in the other is unlocked', async () => {
    expect(await commit(client, [insert('a', 'x'), put('z', 'x')])).toEqual({
      kind: 'exists',
      key: bytes('a'),
    });
    expect(await read(client, 'z')).toBe('old');
  });

  test('the primary that was asked for decides', async () => {
    await cluster.fault({ kind: 'drop-after', rpc: 'KvCommit' });
    const mutations = [put('a', 'new'), put('z', 'new')];
    const outcome = expectCommitted(await commit(client, mutations, { primary: bytes('z') }));
    const commits = cluster.world.recorded.filter(({ rpc }) => rpc === 'KvCommit');
    expect((commits[0]!.request as { keys: Buffer[] }).keys).toEqual([bytes('z')]);
    await expectSeenFrom(outcome.commitTimestamp, 'new');
  });

  test('more keys than one request commits', async () => {
    const keys = Array.from({ length: 6000 }, (_, n) => `k${String(n).padStart(4, '0')}`);
    await cluster.split(bytes('k5000'));
    expectCommitted(
      await commit(
        client,
        keys.map((key) => put(key, key)),
      ),
    );
    const commits = cluster.world.recorded.filter(({ rpc }) => rpc === 'KvCommit');
    expect((commits[0]!.request as { keys: Buffer[] }).keys).toHaveLength(4096);
    for (const key of ['k0000', 'k4095', 'k4096', 'k4999', 'k5000', 'k5999'])
      expect(await read(client, key)).toBe(key);
  });
});

describe('timestamps', () => {
  test('a snapshot that was taken before a commit does not change by it, whatever its start timestamp', async () => {
    const startTimestamp = await client.timestamp();
    const snapshot = await client.snapshot();
    const mutations = [put('a', 'new')];
    expectCommitted(await client.commit(mutations, { startTimestamp, linearizable: false }));
    expect((await snapshot.get(bytes('a')))?.toString()).toBe('old');
  });

  test('commits follow each other in time, also of clients that know nothing of each other', async () => {
    const other = await TikvClient.open({ pd: cluster.pd, environment: new TestEnvironment() });
    const startTimestamp = await client.timestamp();
    const first = expectCommitted(await commit(other, [put('b', '1')]));
    const second = expectCommitted(await client.commit([put('c', '2')], { startTimestamp }));
    expect(second.commitTimestamp).toBeGreaterThan(first.commitTimestamp);
    await other.close();
  });

  test('no timestamp from the future is sent anywhere', async () => {
    const startTimestamp = (await client.timestamp()) + (1n << 40n);
    await expect(client.snapshot(startTimestamp)).rejects.toMatchObject({ code: 'invalid' });
    await expect(client.commit([put('a', 'x')], { startTimestamp })).rejects.toMatchObject({
      code: 'invalid',
    });
  });

  test('a start timestamp that is too old is refused: conflicts with it may be collected', async () => {
    const startTimestamp = await client.timestamp();
    await cluster.shiftClock(5 * 60_000 + 1000);
    await client.timestamp();
    const late = client.commit([put('a', 'x')], { startTimestamp });
    await expect(late).rejects.toMatchObject({ code: 'snapshot_too_old' });
  });
});

/** Another client's write of one key, in one phase. */
async function writeByHand(key: string): Promise<void> {
  const startVersion = await raw.timestamp();
  const { onePcCommitTs } = await raw.send(bytes(key), 'KvPrewrite', {
    mutations: [{ op: Op.Put, key: bytes(key), value: Buffer.concat([Buffer.of(1), bytes('other')]) }],
    ...{ primaryLock: bytes(key), startVersion, lockTtl: 3000n, txnSize: 1n },
    ...{ minCommitTs: 0n, tryOnePc: true },
  });
  expect(onePcCommitTs).toBeGreaterThan(0n);
}

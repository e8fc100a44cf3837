import { afterEach, beforeEach, expect, test } from 'vitest';
import { Op } from '../../src/tikv/messages.ts';
import { TikvClient } from '../../src/tikv/index.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { RawClient } from '../support/tikv/raw-client.ts';
import { bytes, commit, expectCommitted, put, read, readAll } from './data.ts';

/**
 * Goal: transactions of other clients that use async commit, which this one never does, end as all their keys say.
 * Method: they are left by hand, in every state that they can die in.
 */

const keys = ['a', 'n', 'z'];
const old = keys.map((key) => [key, 'old']);
const fresh = keys.map((key) => [key, 'new']);
let cluster: FakeCluster;
let client: TikvClient;
let raw: RawClient;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  raw = new RawClient(cluster);
  client = await TikvClient.open({ pd: cluster.pd, environment: new TestEnvironment() });
  await commit(
    client,
    keys.map((key) => put(key, 'old')),
  );
  await cluster.split(bytes('m'));
  await cluster.split(bytes('p'));
});

afterEach(async () => {
  await client.close();
  raw.close();
  // The hand asks for async commit; the client must not.
  const violations = cluster.violations().filter((text) => !text.includes('async commit'));
  expect(violations).toEqual([]);
  expect(cluster.locks()).toEqual([]);
  await cluster.close();
});

interface Left {
  /** The keys that were locked before the client died; the first of `keys` is the primary. */
  readonly locked: readonly string[];
  /** Those of them that fell back to two phases. */
  readonly sync?: readonly string[];
}

/** @returns the start timestamp and the largest `min_commit_ts`. */
async function leave({ locked, sync = [] }: Left): Promise<{ startVersion: bigint; minCommitTs: bigint }> {
  const startVersion = await raw.timestamp();
  let minCommitTs = 0n;
  for (const name of locked) {
    const key = bytes(name);
    const answer = await raw.send(key, 'KvPrewrite', {
      mutations: [{ op: Op.Put, key, value: Buffer.concat([Buffer.of(1), bytes('new')]) }],
      ...{ primaryLock: bytes('a'), startVersion, lockTtl: 3000n, txnSize: 1n, tryOnePc: false },
      ...{ minCommitTs: startVersion + 1n, useAsyncCommit: !sync.includes(name) },
      secondaries: name === 'a' ? [bytes('n'), bytes('z')] : [],
    });
    expect(answer.errors).toEqual([]);
    if (answer.minCommitTs > minCommitTs) minCommitTs = answer.minCommitTs;
  }
  return { startVersion, minCommitTs };
}

test('all keys locked: it is committed at the largest of their timestamps, once it has expired', async () => {
  const { minCommitTs } = await leave({ locked: keys });
  await cluster.shiftClock(4000);
  expect(await readAll(client)).toEqual(fresh);
  expect(await readAll(client, { at: minCommitTs })).toEqual(fresh);
  expect(await readAll(client, { at: minCommitTs - 1n })).toEqual(old);
});

test('one key not locked: it is rolled back, and cannot be committed any more', async () => {
  const { startVersion } = await leave({ locked: ['a', 'z'] });
  await cluster.shiftClock(4000);
  expect(await readAll(client, { reverse: true })).toEqual(old.toReversed());
  const late = await raw.send(bytes('n'), 'KvPrewrite', {
    mutations: [{ op: Op.Put, key: bytes('n'), value: bytes('\u0001new') }],
    ...{
      primaryLock: bytes('a'),
      startVersion,
      lockTtl: 3000n,
      txnSize: 1n,
      minCommitTs: 0n,
      tryOnePc: false,
    },
  });
  expect(late.errors).toHaveLength(1);
});

test('one key committed already: so are all', async () => {
  const { startVersion, minCommitTs } = await leave({ locked: keys });
  await raw.send(bytes('n'), 'KvCommit', { startVersion, commitVersion: minCommitTs, keys: [bytes('n')] });
  await cluster.shiftClock(4000);
  expect(await read(client, 'z')).toBe('new');
  expect(await readAll(client)).toEqual(fresh);
});

test('a part that fell back to two phases: its primary decides', async () => {
  await leave({ locked: keys, sync: ['z'] });
  await cluster.shiftClock(4000);
  expect(await readAll(client)).toEqual(old);
});

test('a living one is waited for by a reader and by a writer', async () => {
  const { startVersion, minCommitTs } = await leave({ locked: keys });
  const reading = readAll(client);
  const writing = commit(client, [put('z', 'later')]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const name of keys) {
    await raw.send(bytes(name), 'KvCommit', {
      startVersion,
      commitVersion: minCommitTs,
      keys: [bytes(name)],
    });
  }
  const seen = await reading;
  expect(seen.slice(0, 2)).toEqual(fresh.slice(0, 2));
  expectCommitted(await writing);
  expect(await read(client, 'z')).toBe('later');
});

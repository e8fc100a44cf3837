import { expect, test } from 'vitest';
import { Op } from '../../src/tikv/messages.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { abandon } from './abandoned.ts';
import type { ClientContext } from './check.ts';
import { runCheck } from './context.ts';
import { bytes, commit, expectCommitted, put, read, readAll, write } from './data.ts';

/** Transactions of other programs, which commit in ways that this client never uses: they only need to be got past. */

async function withFake(run: (context: ClientContext, cluster: FakeCluster) => Promise<void>): Promise<void> {
  const cluster = await FakeCluster.start();
  try {
    // A read that knows of a dead transaction passes its other locks without meeting them.
    const check = { name: 'others', needs: [], leavesLocks: true };
    await runCheck({ ...check, run: (context: ClientContext) => run(context, cluster) }, cluster);
  } finally {
    await cluster.close();
  }
}

/** Locks of a transaction in async commit: which keys, of all those that it names. Answers its start. */
async function asyncCommit({ raw, stored }: ClientContext, locked: readonly string[]): Promise<bigint> {
  const startVersion = await raw.timestamp();
  const [primaryLock, ...secondaries] = ['a', 'm', 'z'].map(stored);
  for (const key of locked.map(stored)) {
    const isPrimary = key.equals(primaryLock!);
    await raw.send(key, 'KvPrewrite', {
      mutations: [{ op: Op.Put, key, value: Buffer.from('\x01new') }],
      ...{
        primaryLock: primaryLock!,
        startVersion,
        lockTtl: 3000n,
        txnSize: 1n,
        minCommitTs: startVersion + 1n,
      },
      ...{ tryOnePc: false, useAsyncCommit: true, secondaries: isPrimary ? secondaries : [] },
    });
  }
  return startVersion;
}

const keys = ['a', 'm', 'z'];
const cases = [
  { name: 'all locked: it is committed', locked: keys, expected: 'new' },
  { name: 'a secondary missing: it is rolled back', locked: ['a', 'z'], expected: 'old' },
  { name: 'the primary missing: it is rolled back', locked: ['m', 'z'], expected: 'old' },
];
for (const { name, locked, expected } of cases) {
  for (const way of ['get', 'scan', 'write'] as const) {
    test.concurrent(`a dead async commit, ${name} (${way})`, () =>
      withFake(async (context, cluster) => {
        const client = await context.open();
        for (const key of ['m', 'z']) await cluster.split(context.stored(key));
        await write(
          client,
          keys.map((key) => put(key, 'old')),
        );
        const violations = cluster.violations().length;
        await asyncCommit(context, locked);
        // The hand of the test did what the client may not.
        cluster.world.violations.length = violations;
        await cluster.shiftClock(4000);
        if (way === 'write') expectCommitted(await commit(client, [put('z', expected)]));
        if (way === 'get') expect(await read(client, 'z')).toBe(expected);
        expect(await readAll(client)).toEqual(keys.map((key) => [key, expected]));
      }),
    );
  }
}

test('a living transaction that can be pushed does not stop readers, and is committed behind them', () =>
  withFake(async (context, cluster) => {
    const client = await context.open();
    await cluster.split(context.stored('m'));
    await write(client, [put('a', 'old'), put('z', 'old')]);
    const minCommitTs = await context.raw.timestamp();
    const options = { leave: 'locks', keys: ['a', 'z'], value: 'new', ttlMs: 60_000, minCommitTs } as const;
    const living = await abandon(context, options);
    const snapshot = await client.snapshot();
    const read = async () => (await snapshot.batchGet([bytes('z'), bytes('a')])).map(String);
    expect(await read()).toEqual(['old', 'old']);
    const commitTs = await living.commit();
    expect(commitTs).toBeGreaterThan(snapshot.timestamp);
    expect(await read()).toEqual(['old', 'old']);
    expect(await readAll(client)).toEqual([['a', 'new'], ['z', 'new']]); // prettier-ignore
  }));

test('locks that only lock stop no reader', () =>
  withFake(async (context) => {
    const { raw, stored } = context;
    const client = await context.open();
    await write(client, [put('a', 'old')]);
    const startVersion = await raw.timestamp();
    const key = stored('a');
    const lock = {
      primaryLock: key,
      startVersion,
      lockTtl: 60_000n,
      txnSize: 1n,
      minCommitTs: 0n,
      tryOnePc: false,
    };
    await raw.send(key, 'KvPrewrite', { mutations: [{ op: Op.Lock, key }], ...lock });
    expect(await read(client, 'a')).toBe('old');
    const commitVersion = await raw.timestamp();
    await raw.send(key, 'KvCommit', { startVersion, keys: [key], commitVersion });
    expect(await read(client, 'a')).toBe('old');
  }));

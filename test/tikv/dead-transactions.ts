import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TikvClient } from '../../src/tikv/index.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { bytes, commit, expectCommitted, put, read, readAll, write } from './data.ts';
import { abandon, type Abandoned } from './abandoned.ts';

const pair = ['a', 'z'] as const;
const old: [string, string][] = pair.map((key) => [key, 'old']);
const fresh: [string, string][] = pair.map((key) => [key, 'new']);

/** Ways to meet a lock; each answers what it saw of both keys. */
const ways: readonly { readonly name: string; see(client: TikvClient): Promise<[string, string][]> }[] = [
  {
    name: 'get',
    async see(client) {
      const snapshot = await client.snapshot();
      const values = await Promise.all(pair.toReversed().map((key) => snapshot.get(bytes(key))));
      return found(values.toReversed());
    },
  },
  {
    name: 'batch get',
    see: async (client) => found(await (await client.snapshot()).batchGet(pair.map(bytes))),
  },
  { name: 'scan', see: (client) => readAll(client) },
  { name: 'reverse scan', see: async (client) => (await readAll(client, { reverse: true })).toReversed() },
  {
    name: 'a write of the secondary',
    async see(client) {
      const before = await read(client, 'a');
      expectCommitted(await commit(client, [put('z', 'mine')]));
      return pair.map((key) => [key, before ?? '']);
    },
  },
];

function found(values: readonly (Buffer | undefined)[]): [string, string][] {
  return pair.map((key, at) => [key, values[at]?.toString() ?? '']);
}

/** How far the dead transaction got, and what must be seen of it. */
const phases: readonly {
  name: string;
  leave: Abandoned['leave'];
  expected: [string, string][];
  waits: boolean;
}[] = [
  { name: 'both keys locked', leave: 'locks', expected: old, waits: true },
  { name: 'only the secondary locked', leave: 'secondary', expected: old, waits: true },
  { name: 'the primary committed', leave: 'primary-committed', expected: fresh, waits: false },
  { name: 'the primary rolled back', leave: 'primary-rolled-back', expected: old, waits: false },
];

export const deadTransactionChecks: readonly ClientCheck[] = [
  ...phases.flatMap((phase) => ways.map((way) => deadCheck(phase, way))),
  {
    name: 'a living transaction is waited for',
    needs: ['splits'],
    async run(context) {
      const { client } = await prepare(context);
      const left = await abandon(context, { leave: 'locks', keys: pair, value: 'new', ttlMs: 60_000 });
      // However long it takes to be asked for: a timestamp that is taken after the commit would show it.
      const reading = readAll(client, { at: await client.timestamp() });
      const writing = commit(client, [put('z', 'late')]);
      const committing = sleep(200).then(() => left.commit());
      assert.deepEqual(await reading, old, 'its commit came after the snapshot');
      assert.ok(['conflict', 'committed'].includes((await writing).kind));
      assert.equal(await read(client, 'a'), 'new');
      await committing;
    },
  },
  {
    name: 'many locks of many dead transactions in many regions',
    needs: ['splits', 'clock'],
    async run(context) {
      const { cluster, stored } = context;
      const client = await context.open();
      const keys = Array.from({ length: 40 }, (_, at) => `k${String(at).padStart(2, '0')}`);
      await write(
        client,
        keys.map((key) => put(key, 'old')),
      );
      for (const key of ['k10', 'k20', 'k30']) await cluster.split(stored(key));
      for (let at = 0; at < 20; at++) {
        const leave = at % 2 === 0 ? 'locks' : 'primary-committed';
        await abandon(context, { leave, keys: [keys[at]!, keys[at + 20]!], value: 'new', ttlMs: 1000 });
      }
      await cluster.shiftClock(2000);
      const expected = keys.map((key, at): [string, string] => [key, at % 2 === 0 ? 'old' : 'new']);
      assert.deepEqual(await readAll(client, { reverse: true }), expected.toReversed());
      assert.deepEqual(await readAll(client), expected);
    },
  },
];

function deadCheck(phase: (typeof phases)[number], way: (typeof ways)[number]): ClientCheck {
  return {
    name: `a dead transaction, ${phase.name}: ${way.name}`,
    needs: phase.waits ? ['splits', 'clock'] : ['splits'],
    async run(context) {
      const { client } = await prepare(context);
      await abandon(context, { leave: phase.leave, keys: pair, value: 'new', ttlMs: 3000 });
      if (phase.waits) await context.cluster.shiftClock(4000);
      // Else the lock may be gone before the read is tried again, and what it does with the lock is not seen.
      const slow = { kind: 'drop-before', rpc: 'KvResolveLock', count: 3 } as const;
      if (context.cluster.can(slow.kind)) await context.cluster.fault(slow);
      assert.deepEqual(await way.see(client), phase.expected);
    },
    leavesLocks: phase.leave === 'locks' || phase.leave === 'primary-committed',
  };
}

/** Two keys in two regions with old values. */
async function prepare({ cluster, open, stored }: ClientContext): Promise<{ client: TikvClient }> {
  const client = await open();
  await cluster.split(stored('m'));
  await write(
    client,
    pair.map((key) => put(key, 'old')),
  );
  return { client };
}

import assert from 'node:assert/strict';
import { connect } from '../../src/tikv/connect.ts';
import { addMs, type TikvClient } from '../../src/tikv/index.ts';
import type { PlacementDriver } from '../../src/tikv/pd/pd.ts';
import { abandon } from './abandoned.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { put, readAll, write } from './data.ts';

const lifeMs = 600_000;
const keys = Array.from({ length: 12 }, (_, at) => `g${String(at).padStart(2, '0')}`);

/** What the placement driver knows, asked beside the client. */
async function askPd<T>({ cluster, environment }: ClientContext, ask: (pd: PlacementDriver) => Promise<T>) {
  const { pd: endpoints, tls } = cluster;
  const connections = await connect({ pd: endpoints, environment, ...(tls && { tls }) });
  try {
    return await ask(connections.pd);
  } finally {
    await connections.close();
  }
}

/** Four regions of old values, and in them the locks of dead transactions, whose primaries have come to every end. */
async function prepare(
  context: ClientContext,
): Promise<{ client: TikvClient; expected: [string, string][] }> {
  const { cluster, stored } = context;
  const client = await context.open();
  for (const key of ['g03', 'g06', 'g09']) await cluster.split(stored(key));
  await write(
    client,
    keys.map((key) => put(key, 'old')),
  );
  for (const [at, leave] of (
    ['locks', 'primary-committed', 'primary-rolled-back', 'secondary'] as const
  ).entries()) {
    const own = [keys[at]!, keys[at + 4]!, keys[at + 8]!];
    await abandon(context, { leave, keys: own, value: 'new', ttlMs: 3000 });
  }
  await cluster.shiftClock(lifeMs + 5000);
  const expected = keys.map((key, at): [string, string] => [key, at % 4 === 1 ? 'new' : 'old']);
  return { client, expected };
}

export const garbageChecks: readonly ClientCheck[] = [
  {
    name: 'garbage: what dead transactions left is decided and removed before the safe point moves',
    needs: ['splits', 'clock'],
    async run(context) {
      const { client, expected } = await prepare(context);
      const before = await client.timestamp();
      const first = await client.collectGarbage({ lifeMs });
      assert.ok(first.isMoved);
      // Three transactions of three keys, less a primary that is committed, one that is rolled back; two secondaries.
      assert.ok(first.lockCount >= 9, `${first.lockCount} locks`);
      assert.ok(first.safePoint >= addMs(before, -lifeMs));
      assert.equal(await askPd(context, (pd) => pd.gcSafePoint()), first.safePoint);
      assert.deepEqual(await readAll(client), expected);

      const again = await client.collectGarbage({ lifeMs, slackMs: 60_000 });
      assert.deepEqual(again, { safePoint: first.safePoint, isMoved: false, lockCount: 0 });
      await assert.rejects(client.collectGarbage({ lifeMs: 1000 }), { code: 'invalid' });
    },
  },
  ...(['epoch', 'region-not-found', 'no-leader', 'drop-before', 'drop-after', 'undetermined'] as const).map(
    (kind): ClientCheck => ({
      name: `garbage: ${kind} while locks are looked for and removed`,
      needs: ['splits', 'clock', kind],
      async run(context) {
        const { client, expected } = await prepare(context);
        for (const rpc of ['KvScanLock', 'KvResolveLock', 'KvCheckTxnStatus'])
          await context.cluster.fault({ kind, rpc, count: 1, skip: 1 });
        const { isMoved } = await client.collectGarbage({ lifeMs });
        assert.ok(isMoved);
        assert.deepEqual(await readAll(client), expected);
      },
    }),
  ),
  {
    name: 'garbage: another service holds the safe point back',
    needs: ['splits', 'clock'],
    async run(context) {
      const client = await context.open();
      await client.collectGarbage({ lifeMs });
      const held = addMs(await client.timestamp(), -lifeMs + 1000);
      const claim = { serviceId: `check-${process.pid}`, safePoint: held };
      await askPd(context, (pd) => pd.updateServiceSafePoint({ ...claim, ttlSeconds: 3600n }));
      try {
        await context.cluster.shiftClock(60_000);
        const { safePoint, isMoved } = await client.collectGarbage({ lifeMs });
        assert.deepEqual([safePoint, isMoved], [held, true]);
        assert.equal((await client.collectGarbage({ lifeMs })).isMoved, false);
      } finally {
        await askPd(context, (pd) => pd.updateServiceSafePoint({ ...claim, ttlSeconds: 0n }));
      }
      assert.ok((await client.collectGarbage({ lifeMs })).safePoint > held);
    },
  },
  {
    name: 'garbage: a collector works by itself while it is due, and ends with its client',
    needs: ['splits', 'clock'],
    async run(context) {
      const { client } = await prepare(context);
      let isDue = false;
      let asked = 0;
      const before = await askPd(context, (pd) => pd.gcSafePoint());
      client.startGarbageCollector({ lifeMs, everyMs: 50, isDue: () => (asked++, isDue) });
      await until(() => asked > 2);
      assert.equal(await askPd(context, (pd) => pd.gcSafePoint()), before);
      isDue = true;
      await askPd(context, (pd) => until(async () => (await pd.gcSafePoint()) > before));
      await client.close();
      const last = asked;
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(asked, last);
    },
  },
];

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let left = 500; !(await condition()); left--) {
    assert.ok(left > 0, 'it does not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

import assert from 'node:assert/strict';
import type { TikvClient, TxnOutcome } from '../../src/tikv/index.ts';
import type { Fault } from '../support/tikv/cluster.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { bytes, commit, describe, put, readAll } from './data.ts';

/** Ways to lose the one answer that tells. */
const losses: readonly Fault[] = [
  ...(['drop-before', 'drop-after', 'undetermined', 'stale-command', 'hang-after'] as const).flatMap(
    (kind) => [
      { kind, rpc: 'KvPrewrite' },
      { kind, rpc: 'KvCommit' },
      { kind, rpc: 'KvPrewrite', count: 2 },
    ],
  ),
  ...[0, 5, 50, 300].flatMap((delayMs) => [
    { kind: 'late' as const, rpc: 'KvPrewrite', delayMs },
    { kind: 'late' as const, rpc: 'KvCommit', delayMs },
    { kind: 'late' as const, rpc: 'KvPrewrite', delayMs, count: 3 },
  ]),
];
const shapes = [
  { name: 'one region', keys: ['a', 'b'], onePhase: true },
  { name: 'one region in two phases', keys: ['a', 'b'], onePhase: false },
  { name: 'two regions', keys: ['a', 'z'], onePhase: true },
];

export const undeterminedChecks: readonly ClientCheck[] = [
  ...losses.map((loss) => ({
    name: `an outcome is what is seen: ${describeLoss(loss)}`,
    needs: ['regions', loss.kind] as const,
    run: (context: ClientContext) => settled(context, loss),
  })),
  {
    name: 'an outcome that cannot be settled in time is settled later, and is not both',
    needs: ['regions', 'drop-after', 'clock'],
    async run({ cluster, open, stored }) {
      const client = await open();
      await cluster.split(stored('m'));
      for (const rpc of ['KvPrewrite', 'KvCommit']) {
        for (const kind of ['drop-before', 'drop-after'] as const) {
          await cluster.fault({ kind, rpc, count: 1 });
          await cluster.fault({ kind: 'drop-before', count: 100_000 });
          const startTimestamp = await client.timestamp();
          const mutations = [put('a', rpc + kind), put('z', rpc + kind)];
          const outcome = await client.commit(mutations, { startTimestamp, budgetMs: 300 });
          await cluster.clearFaults();
          await settleLater(client, startTimestamp, outcome, rpc + kind);
        }
      }
    },
  },
];

async function settleLater(
  client: TikvClient,
  startTimestamp: bigint,
  ...[outcome, value]: [TxnOutcome, string]
): Promise<void> {
  const isUndetermined = outcome.kind === 'undetermined';
  assert.ok(isUndetermined, `not undetermined, but ${describe(outcome)}`);
  const settled = await client.settle({ primary: outcome.primary, startTimestamp });
  const again = await client.settle({ primary: outcome.primary, startTimestamp });
  assert.deepEqual(again, settled);
  const rows = await readAll(client);
  const written = rows.filter(([, found]) => found === value).length;
  assert.equal(written, settled.kind === 'committed' ? 2 : 0, settled.kind);
}

function describeLoss({ kind, rpc, count = 1, delayMs }: Fault): string {
  return `${count} ${kind} at ${rpc}${delayMs === undefined ? '' : `, ${delayMs} ms`}`;
}

/** The outcome is definite, and what is seen afterwards is just that, now and for ever. */
async function settled({ cluster, open, stored }: ClientContext, loss: Fault): Promise<void> {
  const client = await open();
  await cluster.split(stored('m'));
  for (const [at, { name, keys, onePhase }] of shapes.entries()) {
    await cluster.fault(loss);
    const value = `${at}`;
    const budgetMs = loss.kind === 'hang-after' ? 400 : 5000;
    const outcome = await commit(
      client,
      keys.map((key) => put(key, value)),
      { onePhase, budgetMs },
    );
    await cluster.clearFaults();
    assert.ok(
      outcome.kind === 'committed' || outcome.kind === 'rolled-back',
      `${name}: ${describe(outcome)}`,
    );
    const isWritten = outcome.kind === 'committed';
    await verify(client, keys, isWritten ? value : undefined, value);
    if (loss.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, loss.delayMs));
    await verify(client, keys, isWritten ? value : undefined, value);
    if (!isWritten) continue;
    const before = await (await client.snapshot(outcome.commitTimestamp - 1n)).batchGet(keys.map(bytes));
    assert.ok(
      before.every((found) => found?.toString() !== value),
      'seen before its commit timestamp',
    );
  }
}

async function verify(
  client: TikvClient,
  keys: readonly string[],
  ...[expected, value]: [string | undefined, string]
): Promise<void> {
  const found = await (await client.snapshot()).batchGet(keys.map(bytes));
  for (const one of found) assert.equal(one?.toString() === value, expected !== undefined);
}

import assert from 'node:assert/strict';
import { TikvError, type TikvClient, type TxnOutcome } from '../../src/tikv/index.ts';
import { eventually } from '../support/suite.ts';
import type { Fault } from '../support/tikv/cluster.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { bytes, commit, describe, put, readAll, write } from './data.ts';

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
    needs: ['splits', loss.kind] as const,
    run: (context: ClientContext) => settled(context, loss),
  })),
  {
    name: 'an outcome that cannot be settled in time is settled later, and is not both',
    needs: ['splits', 'drop-after'],
    async run({ cluster, open, stored, locks }) {
      const client = await open();
      await cluster.split(stored('m'));
      for (const [rpc, keys] of [
        ['KvPrewrite', ['a', 'b']],
        ['KvCommit', ['a', 'z']],
      ] as const) {
        for (const kind of ['drop-before', 'drop-after'] as const) {
          const value = rpc + kind;
          // Known regions and no locks, so that nothing but the one answer is missing.
          await write(
            client,
            keys.map((key) => put(key, 'old')),
          );
          await eventually('no locks', 20_000, async () => ((await locks()).length === 0 ? true : undefined));
          await cluster.fault({ kind, rpc, count: 1 });
          const after = rpc === 'KvCommit' ? losable.filter((other) => other !== 'KvPrewrite') : losable;
          for (const lost of after) await cluster.fault({ kind: 'drop-before', rpc: lost, count: 100_000 });
          const startTimestamp = await client.timestamp();
          const outcome = await client.commit(
            keys.map((key) => put(key, value)),
            { startTimestamp, budgetMs: 1000 },
          );
          await cluster.clearFaults();
          await settleLater(client, startTimestamp, outcome, value);
        }
      }
    },
  },
];

const losable = ['KvPrewrite', 'KvCommit', 'KvCheckTxnStatus', 'KvBatchRollback', 'KvResolveLock'];

async function settleLater(
  client: TikvClient,
  startTimestamp: bigint,
  ...[outcome, value]: [TxnOutcome, string]
): Promise<void> {
  const isUndetermined = outcome.kind === 'undetermined';
  assert.ok(isUndetermined, `${value}: not undetermined, but ${describe(outcome)}`);
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
    // A call that hangs uses up all of it; settling has as long again, which a slow machine needs some of.
    const budgetMs = loss.kind === 'hang-after' ? 1500 : 15_000;
    const mutations = keys.map((key) => put(key, value));
    const outcome = await definite(commit(client, mutations, { onePhase, budgetMs }));
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

/** What rejects as unavailable did not happen and will not. */
async function definite(commit: Promise<TxnOutcome>): Promise<TxnOutcome> {
  try {
    return await commit;
  } catch (error) {
    if (error instanceof TikvError && error.code === 'unavailable') return { kind: 'rolled-back' };
    throw error;
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

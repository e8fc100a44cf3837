/**
 * The TiKV client, the engine on it and a server on that, on the TiKV-protocol server of test/tikv-fixture:
 * `npm run test:tikv -- [--short] [--only WORDS]` (`--only client` for the first).
 *
 * With TIKV_PD=host:port,... set, client and engine also on that cluster (`--only cluster`: only there; over TLS with
 * TIKV_CACERT, TIKV_CERT and TIKV_KEY). It writes below a prefix of its own, `engram-trial/NUMBER/`, and deletes that at the
 * end. Whoever has a real one is asked to send the result.
 */
import { findTool } from '../../scripts/tools.ts';
import { killOnTikv, tikvForgets, tikvUnderDisturbance } from '../crash/tikv.ts';
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import type { TestCluster } from '../support/tikv/cluster.ts';
import { externalCluster } from '../support/tikv/external.ts';
import type { ExternalCluster } from '../support/tikv/external.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';
import { printFloor } from './floor.ts';
import { runClientSuite } from './run.ts';
import { startWaitsForTikv, severalKeyspaces } from './server.ts';
import { trial } from './trial.ts';
import { visitLeavesNothing } from './visited.ts';
import { vitestRun } from './vitest-run.ts';

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
});
const tikv = suite('test:tikv');
const { short } = values;
const ending = new AbortController();
const isWanted = (name: string): boolean => name.includes(values.only);

async function check(name: string, work: () => Promise<string | void>): Promise<void> {
  await tikv.check(name, async () => {
    const told = await work();
    if (typeof told === 'string') print(`   ${told}`);
  });
}

type Check = readonly [name: string, work: () => Promise<string | void>];

async function checkWanted(checks: readonly Check[]): Promise<void> {
  for (const [name, work] of checks) if (isWanted(name)) await check(name, work);
}

function tests(target: Record<string, string>, file: string): Promise<string> {
  const env = { ...target, STORE_RUNS: short ? '20' : '200' };
  return vitestRun([file], env, ending.signal);
}

async function client(open: () => Promise<TestCluster>): Promise<void> {
  const cluster = await open();
  await runClientSuite(tikv, cluster, short ? {} : { isThorough: true });
  await cluster.close();
}

const onFixture = (file: string) => tests({ TIKV_TARGET: 'fixture' }, file);
const fixtureChecks: readonly Check[] = [
  ['engine: conformance, also wrapped with faults', () => onFixture('test/conformance/tikv.test.ts')],
  ["promises 1, 2, 4 and 6: the store's model", () => onFixture('test/tikv/store.test.ts')],
  ['a start waits for the placement drivers, and says so', startWaitsForTikv],
  ['several keyspaces share one TiKV', severalKeyspaces],
  ['promises 1, 2 and 5: kill -9 under load', () => killOnTikv(short ? 5 : 50, 1)],
  [
    'promises 1 and 2: stores and placement drivers stop and start, regions move, under load',
    () => tikvUnderDisturbance(short ? 8_000 : 60_000, 1),
  ],
  ['promise 1: a TiKV that forgot is not written to', tikvForgets],
  ['what an append and a put cost', () => printFloor(print, short ? 300 : 3_000)],
  ['a visit with TIKV_PD leaves nothing behind', visitLeavesNothing],
];

async function allOnFixture(): Promise<void> {
  if (!['client', ...fixtureChecks.map(([name]) => name)].some(isWanted)) return;
  const tool = await findTool('tikv-fixture');
  if (tool.kind === 'missing') return tikv.skip('all on the fixture', tool.reason);
  if (isWanted('client'))
    await client(() => FixtureCluster.start({ stores: 3, placementDrivers: 3, electionMs: 100 }));
  await checkWanted(fixtureChecks);
}

async function onCluster(cluster: ExternalCluster): Promise<void> {
  const target = { TIKV_TARGET: 'cluster', TIKV_TRIAL: cluster.keyPrefix };
  await trial({ cluster, check, abort: () => ending.abort() }, async () => {
    if (isWanted('cluster: client')) await client(() => Promise.resolve(cluster));
    await checkWanted([
      ['cluster: engine, conformance', () => tests(target, 'test/conformance/tikv.test.ts')],
      ["cluster: the store's model", () => tests(target, 'test/tikv/store.test.ts')],
    ]);
  });
}

const cluster = externalCluster(process.env);
await allOnFixture();
if (cluster !== undefined) await onCluster(cluster);
tikv.finish();

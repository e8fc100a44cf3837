/**
 * The TiKV client, the engine on it and a server on that, on the TiKV-protocol server of test/tikv-fixture:
 * `npm run test:tikv -- [--short] [--only WORDS]` (`--only client` for the first). With TIKV_PD=host:port,... set, client and engine also on that
 * cluster, in keys of their own; whoever has a real one is asked to send the result.
 */
import assert from 'node:assert/strict';
import { findTool } from '../../scripts/tools.ts';
import { parseCounts } from '../../scripts/counts.ts';
import { killOnTikv, tikvForgets, tikvUnderDisturbance } from '../crash/tikv.ts';
import { run } from '../support/process.ts';
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import type { TestCluster } from '../support/tikv/cluster.ts';
import { ExternalCluster } from '../support/tikv/external.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';
import { printFloor } from './floor.ts';
import { runClientSuite } from './run.ts';
import { startWaitsForTikv, severalKeyspaces } from './server.ts';

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
});
const tikv = suite('test:tikv');
const { short } = values;
const external = process.env['TIKV_PD'];

async function check(name: string, work: () => Promise<string | void>): Promise<void> {
  if (!name.includes(values.only)) return;
  await tikv.check(name, async () => {
    const told = await work();
    if (typeof told === 'string') print(`   ${told}`);
  });
}

/** Files of tests, run by vitest on another cluster than the fake; a suite of their own counts them. */
async function tests(target: string, files: readonly string[]): Promise<string> {
  const env = { TIKV_TARGET: target, STORE_RUNS: short ? '20' : '200' };
  const { stdout, stderr } = await run('npx', ['vitest', 'run', ...files], { env, timeoutMs: 600_000 });
  const counts = parseCounts(stdout);
  assert.ok(counts !== undefined, `the tests did not end: ${stdout.slice(-4000)} ${stderr.slice(-1000)}`);
  assert.equal(counts.failed, 0, stdout.slice(-8000));
  return `${counts.passed} tests`;
}

/** The checks of the client, unless only others are asked for. */
async function client(open: () => Promise<TestCluster>): Promise<void> {
  if (!'client'.includes(values.only)) return;
  const cluster = await open();
  await runClientSuite(tikv, cluster, short ? {} : { isThorough: true });
  await cluster.close();
}

async function onFixture(): Promise<void> {
  await client(() => FixtureCluster.start({ stores: 3, placementDrivers: 3, electionMs: 100 }));
  await check('engine: conformance, also wrapped with faults', () =>
    tests('fixture', ['test/conformance/tikv.test.ts']),
  );
  await check("promises 1, 2, 4 and 6: the store's model", () =>
    tests('fixture', ['test/tikv/store.test.ts']),
  );
  await check('a start waits for the placement drivers, and says so', startWaitsForTikv);
  await check('several keyspaces share one TiKV', severalKeyspaces);
  await check('promises 1, 2 and 5: kill -9 under load', () => killOnTikv(short ? 5 : 50, 1));
  await check('promises 1 and 2: stores and placement drivers stop and start, regions move, under load', () =>
    tikvUnderDisturbance(short ? 8_000 : 60_000, 1),
  );
  await check('promise 1: a TiKV that forgot is not written to', tikvForgets);
  await check('what an append and a put cost', () => printFloor(print, short ? 300 : 3_000));
}

const tool = await findTool('tikv-fixture');
if (tool.kind === 'missing') tikv.skip('all on the fixture', tool.reason);
else await onFixture();
if (external !== undefined) {
  await client(() => Promise.resolve(new ExternalCluster(external.split(','))));
  await check(`engine: conformance on ${external}`, () => tests(external, ['test/conformance/tikv.test.ts']));
  await check(`the store's model on ${external}`, () => tests(external, ['test/tikv/store.test.ts']));
}
tikv.finish();

/**
 * etcd's own end-to-end tests (the packages `common` and `e2e` of `go.etcd.io/etcd/tests/v3` at v3.7.3) on the built
 * Engram, each in a network of its own. What they start as etcd is Engram with the same flags (`server-script.ts`), asked by
 * etcd's etcdctl; where they do not say how many members they want, it is one. What is left out, and why: `left-out.ts`.
 *
 * `npm run test:etcd-e2e -- [--short] [--only REGEXP] [--against etcd]`. `--against etcd` runs the same tests on etcd: what
 * does not pass there says nothing about Engram.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool, toolPath } from '../../scripts/tools.ts';
import { MachineStalls, STALLED_MS_MIN } from '../support/machine-stalls.ts';
import { monotonicMs } from '../support/monotonic.ts';
import { run, temporaryDirectory } from '../support/process.ts';
import { programOptions } from '../support/program-options.ts';
import { inParallel, print, Skipped, suite } from '../support/suite.ts';
import { listTests, runTest, type Outcome, type Surroundings, type TestProgram } from './go-test.ts';
import { isShort, reasonFor, subtestsLeftOut } from './left-out.ts';
import { findNetwork } from './network.ts';
import { placePrograms } from './server-script.ts';

/** The time limits in the tests are for a machine that does nothing else: one that fails may try once more. */
const TRIES = 2;
/** If the machine stood still meanwhile. */
const STALLED_TRIES = 4;

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  against: { type: 'string', default: 'engram' },
});
const subject = values.against === 'etcd' ? 'etcd' : 'engram';
const e2e = suite('test:etcd-e2e');

/** What is needed, or why it is missing. */
async function prepare(): Promise<{ programs: TestProgram[]; around: Surroundings; width: number } | string> {
  const common = await findTool('common.test');
  const others = await findTool('e2e.test');
  if (common.kind === 'missing') return common.reason;
  if (others.kind === 'missing') return others.reason;
  const [etcd, etcdctl, etcdutl] = [
    await toolPath('etcd'),
    await toolPath('etcdctl'),
    await toolPath('etcdutl'),
  ];
  if (etcd === undefined || etcdctl === undefined || etcdutl === undefined) return 'etcd is not built';
  for (const needed of ['bash', 'sed', 'curl']) {
    if ((await run(needed, ['--version'])).code !== 0) return `${needed} is not installed`;
  }
  const network = await findNetwork();
  if (network === undefined)
    return 'no network can be made for a test, and port 20000, 2379 or 2380 is taken';
  const scratch = temporaryDirectory('etcd-e2e');
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  placePrograms(bin, { etcd, etcdctl, etcdutl }, subject);
  return {
    programs: [
      { name: 'common', path: common.path },
      { name: 'e2e', path: others.path },
    ],
    around: { prefix: network.prefix, bin, fixtures: join(dirname(common.path), 'fixtures'), scratch },
    width: network.width,
  };
}

async function runAll(programs: readonly TestProgram[], around: Surroundings, width: number): Promise<void> {
  const chosen: { program: TestProgram; test: string }[] = [];
  const reasons = new Map<string, string[]>();
  for (const program of programs) {
    for (const test of await listTests(program, around)) {
      const reason = reasonFor(test);
      if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), test]);
      else if (new RegExp(values.only).test(test) && (!values.short || isShort(test)))
        chosen.push({ program, test });
    }
  }
  for (const [reason, tests] of reasons) print(`left out, ${reason}: ${tests.join(' ')}`);
  for (const { test } of chosen) {
    for (const part of subtestsLeftOut(test)) print(`left out, ${part.reason}: ${part.test}`);
  }
  // Half of the configurations: one without TLS, and one with it.
  if (values.short) process.env['E2E_TEST_MINIMAL'] = 'true';
  await inParallel(chosen.length, width, async (at) => {
    const { program, test } = chosen[at]!;
    await e2e.check(`${program.name}/${test}`, () => judge(program, test, around));
  });
}

async function judge(program: TestProgram, test: string, around: Surroundings): Promise<void> {
  const skip = subtestsLeftOut(test).map((part) => part.test);
  for (let tries = 1; ; tries++) {
    const fromMs = monotonicMs();
    const outcome: Outcome = await runTest(program, test, { around, skip });
    if (outcome.kind === 'passed') return;
    if (outcome.kind === 'skipped') throw new Skipped(outcome.reason);
    const stalledMs = stalls.within({ fromMs, toMs: monotonicMs() });
    if (tries >= (stalledMs < STALLED_MS_MIN ? TRIES : STALLED_TRIES)) throw new Error(outcome.why);
    print(
      `   ${test} failed and tries again (the machine stood still for ${stalledMs.toFixed()} ms): ${outcome.why}`,
    );
  }
}

const stalls = await MachineStalls.start(tmpdir());
const prepared = await prepare();
if (typeof prepared === 'string') e2e.skip("etcd's end-to-end tests", prepared);
else await runAll(prepared.programs, prepared.around, prepared.width);
await stalls.stop();
e2e.finish();

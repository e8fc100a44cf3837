/**
 * Engram against real etcd: one generator sends the same requests to both and every field of every answer, error code,
 * error text and watch stream is compared; then scripted scenarios for what random requests do not reach. `npm run
 * test:etcd -- [--short] [--seed N] [--seeds N] [--requests N] [--scenarios FAMILY]`, `--record` writes test/recorded/ anew.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../scripts/tools.ts';
import { MEANT_DIFFERENCES } from './differences.ts';
import { startEngram, startEtcd } from './etcd-process.ts';
import { record, runDifferential } from './run.ts';
import { runScenarios } from './scenarios/index.ts';
import { writeRecording } from './step.ts';
import { MachineStalls } from '../support/machine-stalls.ts';
import { programOptions } from '../support/program-options.ts';

const VERSIONS = ['3.7.3', '3.6.14'] as const;
const MEANT_MAX = 10;
/** Characters of a scenario's difference. */
const SHOWN_MAX = 2_000;
const RECORDED_SEED = 1;
const RECORDED_REQUESTS = 5_000;

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  record: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  seeds: { type: 'string', default: '4' },
  requests: { type: 'string', default: '8000' },
  problems: { type: 'string', default: '5' },
  /** Only the scenarios of this family, and no random requests. */
  scenarios: { type: 'string' },
});
const print = (line: string) => process.stdout.write(`${line}\n`);

/** Returns how many seeds failed. */
async function compareWith(version: (typeof VERSIONS)[number], binary: string): Promise<number> {
  const seeds = values.short ? 1 : Number(values.seeds);
  const stalls = await MachineStalls.start(tmpdir());
  let failed = 0;
  for (let i = 0; i < seeds; i++) {
    const seed = Number(values.seed) + i;
    const { steps, problems } = await stalls.patiently({
      play: () => compareSeed(version, binary, seed),
      isFine: (outcome) => outcome.problems.length === 0,
      again(outcome, stalledMs) {
        for (const problem of outcome.problems) print(`   ${problem}`);
        print(`   the machine stood still for ${stalledMs} ms: seed ${seed} is played again`);
      },
    });
    for (const problem of problems) print(problem);
    print(
      `${problems.length === 0 ? 'ok' : 'FAILED'} etcd ${version}, seed ${seed}: ${steps} requests compared`,
    );
    if (problems.length > 0) failed++;
  }
  await stalls.stop();
  return failed;
}

async function compareSeed(
  version: (typeof VERSIONS)[number],
  binary: string,
  seed: number,
): Promise<{ steps: number; problems: string[] }> {
  const [etcd, engram] = [await startEtcd(binary), await startEngram()];
  const compared = await runDifferential({
    seed,
    requests: values.short ? 2_500 : Number(values.requests),
    reference: etcd.target,
    subject: engram.target,
    newest: version === '3.7.3',
    problemsMax: Number(values.problems),
  });
  await Promise.all([etcd.stop(), engram.stop()]);
  return compared;
}

/** The scripted scenarios: one check each. */
async function playScenarios(version: (typeof VERSIONS)[number], binary: string): Promise<void> {
  const only = values.scenarios;
  await runScenarios({
    binary,
    older: version !== '3.7.3',
    ...(only === undefined ? {} : { only }),
    again(family, stalledMs, seen) {
      for (const { scenario, problems } of seen)
        for (const problem of problems) print(`   ${scenario}: ${problem.slice(0, SHOWN_MAX)}`);
      print(`   the machine stood still for ${stalledMs} ms: ${family} is played again`);
    },
    report(scenario, problems) {
      for (const problem of problems.slice(0, Number(values.problems))) print(problem.slice(0, SHOWN_MAX));
      print(`${problems.length === 0 ? 'ok' : 'FAILED'} etcd ${version}, scenario ${scenario}`);
      if (problems.length === 0) counts.passed++;
      else counts.failed++;
    },
  });
}

async function recordFrom(version: string, binary: string): Promise<void> {
  const etcd = await startEtcd(binary);
  const entries = await record(etcd.target, RECORDED_SEED, RECORDED_REQUESTS, version === '3.7.3');
  await etcd.stop();
  const folder = join(import.meta.dirname, '..', 'recorded');
  mkdirSync(folder, { recursive: true });
  const bytes = writeRecording(join(folder, `etcd-${version}.jsonl.gz`), entries);
  print(`recorded etcd ${version}: ${entries.length} requests, ${bytes} bytes`);
}

function checkMeantDifferences(): boolean {
  const entries = Object.values(MEANT_DIFFERENCES);
  const unexplained = entries.filter(({ reason }) => reason.trim() === '');
  return unexplained.length === 0 && entries.length <= MEANT_MAX;
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const startedMs = Date.now();
if (!checkMeantDifferences()) {
  print(`FAILED meant differences: more than ${MEANT_MAX}, or one without a reason`);
  counts.failed++;
}
for (const version of VERSIONS) {
  const tool = await toolPath('etcd', { version });
  if (tool === undefined) {
    print(`SKIPPED etcd ${version}: it is not built and cannot be built here (see npm run tools)`);
    counts.skipped++;
  } else if (values.record) {
    await recordFrom(version, tool);
    counts.passed++;
  } else {
    if (values.scenarios === undefined) {
      if ((await compareWith(version, tool)) > 0) counts.failed++;
      else counts.passed++;
    }
    await playScenarios(version, tool);
  }
}
print(`took ${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

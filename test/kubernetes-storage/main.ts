/**
 * Kubernetes' own tests of its storage (k8s.io/apiserver 0.37.0: the etcd3 store, the watch cache, the storage factory,
 * the generic registry, the leases of API servers), unchanged but for the file that embeds etcd in them: ours starts the
 * built Engram for each test. Those that start no server say nothing about one, and are not counted.
 * `npm run test:kubernetes-storage -- [--short] [--server etcd] [--only REGEX]`; the form is the same, for the whole takes
 * minutes; on etcd means on a real one, to see what fails there too; REGEX is one of Go's, for names of tests.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endGroup } from '../../scripts/end-group.ts';
import { findTool, type ToolName } from '../../scripts/tools.ts';
import { MachineStalls, STALLED_MS_MIN } from '../support/machine-stalls.ts';
import { ENGRAM_MAIN, temporaryDirectory } from '../support/process.ts';
import { programOptions } from '../support/program-options.ts';
import { inParallel, print, suite } from '../support/suite.ts';
import { TestReport, type TestEnd } from './report.ts';
import { REPEATS_MAX, timed } from './timed.ts';

interface TestedPackage {
  readonly tool: ToolName;
  /** How many tests start a server, as counted here: fewer would mean that some did not run. */
  readonly tests: number;
}

/** The longest first: they take most of their time to wait, so that two at a time end together. */
const packages: readonly TestedPackage[] = [
  { tool: 'etcd3.test', tests: 447 },
  { tool: 'cacher.test', tests: 376 },
  { tool: 'registry.test', tests: 65 },
  { tool: 'factory.test', tests: 13 },
  { tool: 'reconcilers.test', tests: 5 },
];
const LANES = 2;
const PACKAGE_MINUTES_MAX = 15;

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  server: { type: 'string', default: 'engram' },
  only: { type: 'string' },
});
const storage = suite('test:kubernetes-storage');
const directory = temporaryDirectory('kubernetes-storage');
const stalls = await MachineStalls.start(directory);
const running = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}
const server = await serverCommand();
await inParallel(packages.length, LANES, async (at) => {
  const one = packages[at]!;
  const tool = await findTool(one.tool);
  if (tool.kind === 'missing') storage.skip(one.tool, tool.reason);
  else if (server.kind === 'missing') storage.skip(one.tool, server.reason);
  else await runPackage(one, tool.path, server.command);
});
await stalls.stop();
print(`what they printed is in ${directory}`);
storage.finish();

type Server = { kind: 'found'; command: readonly string[] } | { kind: 'missing'; reason: string };

/** The flags that both take are given by the tests' server file. */
async function serverCommand(): Promise<Server> {
  if (values.server !== 'etcd') {
    const flags = ['--listen-metrics-urls=http://127.0.0.1:0', '--log-format=json'];
    return { kind: 'found', command: [process.execPath, ENGRAM_MAIN, 'serve', ...flags] };
  }
  const etcd = await findTool('etcd');
  if (etcd.kind === 'missing') return etcd;
  // It logs errors when its listeners end.
  const flags = ['--listen-peer-urls=http://127.0.0.1:0', '--log-level=fatal'];
  return { kind: 'found', command: [etcd.path, ...flags] };
}

async function runPackage(one: TestedPackage, path: string, command: readonly string[]): Promise<void> {
  const report = new TestReport();
  await storage.check(`${one.tool} runs to its end`, async () => {
    const status = await runTests(one, { path, command, report, only: values.only });
    // It is 1 where a test failed, which is told below.
    assert.ok(status === 0 || status === 1, `exit ${status ?? 'by a signal'}`);
    if (values.only === undefined) assert.equal(report.onServer().length, one.tests);
  });
  for (const end of report.onServer()) await judge(one, await repeated(one, end, { path, command }));
}

/** How the test ends that failed, if time may be what it failed by: the outcome of its last run. */
async function repeated(
  one: TestedPackage,
  end: TestEnd,
  run: Pick<Run, 'path' | 'command'>,
): Promise<TestEnd> {
  let last = end;
  for (let count = 0; last.outcome === 'FAIL' && count < REPEATS_MAX; count++) {
    const reason = whyByTime(one, last);
    if (reason === undefined) return last;
    print(`   ${end.name} failed and is run again, for ${reason}: ${last.output.join(' ')}`);
    const report = new TestReport();
    await runTests(one, { ...run, report, only: `^${end.name.replaceAll('/', '$/^')}$` });
    last = report.onServer().find(({ name }) => name === end.name) ?? last;
  }
  return last;
}

/** Why a test may have failed by the time that it took; undefined if it did not. No time excuses an error of the server. */
function whyByTime({ tool }: TestedPackage, { name, seconds, output }: TestEnd): string | undefined {
  if (output.some((line) => /the server (logged|ended by itself)/.test(line))) return undefined;
  const stalledMs = stalls.mostWithin(seconds * 1000);
  if (stalledMs >= STALLED_MS_MIN)
    return `the machine stood still for ${stalledMs.toFixed()} ms of a span like that of the test`;
  return timed.get(`${tool} ${name}`);
}

interface Run {
  readonly path: string;
  readonly command: readonly string[];
  readonly report: TestReport;
  /** Which tests; default: all. */
  readonly only?: string | undefined;
}

/** Resolves with its exit code. */
function runTests(one: TestedPackage, { path, command, report, only }: Run): Promise<number | null> {
  const args = ['-test.v', `-test.timeout=${PACKAGE_MINUTES_MAX}m`];
  if (only !== undefined) args.push(`-test.run=${only}`);
  const child = spawn(path, args, {
    cwd: directory,
    // A group of its own, with the servers that it leaves behind should it crash.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, STORAGE_SERVER: JSON.stringify(command) },
  });
  running.add(child);
  const log = createWriteStream(join(directory, `${one.tool}.log`), { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  createInterface(child.stdout).on('line', (line) => report.line(line));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      running.delete(child);
      endGroup(child);
      resolve(status);
    });
  });
}

async function judge({ tool }: TestedPackage, end: TestEnd): Promise<void> {
  const name = `${tool.replace('.test', '')} ${end.name} on ${values.server} in ${end.seconds} s`;
  if (end.outcome === 'SKIP')
    return storage.skip(name, `Kubernetes skips it: ${end.output.join(' ').trim()}`);
  await storage.check(name, () => {
    assert.equal(end.outcome, 'PASS', end.output.join('\n'));
    return Promise.resolve();
  });
}

/**
 * Runs `npm run ok` and then every suite in its short form, one after the other, each within its time, and ends with
 * the sum of all their closing lines. `.ci/run` is the way in; `.ci/run NAME...` runs only the suites named.
 *
 * A suite is listed in `ci-suites.ts` with the file it needs, so that one which is not written yet is not run. A suite
 * whose tool is missing prints `SKIPPED name: reason` by itself and counts it as skipped.
 *
 * On a virtual machine the host may take most of the processors for minutes: nothing that is then late is late by its own
 * doing. Such a time is waited out, within the time there is, and a suite that failed in one is run once more.
 */

import { spawn, spawnSync, type SpawnSyncOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suites, type Suite } from './ci-suites.ts';
import { addCounts, formatCounts, parseCounts, withoutColours, type Counts } from './counts.ts';
import { endGroup } from './end-group.ts';
import { processorTimes, shareStolen, shareStolenNow } from './stolen-time.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const minutesMax = 58;
/** A share of the processors' time that the host may take at most, when a suite begins and while it runs. */
const stolenMax = { before: 0.5, during: 0.25 };
/** Of the whole run; what the suites need on a quiet machine is less than the rest. */
const waitMinutesMax = 15;
const waitMs = 15_000;
const outputBytesKept = 64 * 1024;

/** How a command ended, and the last of what it printed. */
interface Ended {
  status: number | undefined;
  timedOut: boolean;
  tail: string;
}

/**
 * What a suite counts. One that fails without counting a failure (it crashed, hung, or never reached its closing line)
 * is one failure, and so is one that ends well but counts nothing at all: it proved nothing.
 */
export function judge(suite: Pick<Suite, 'preparation'>, ended: Ended): Counts {
  if (suite.preparation === true) return { passed: 0, failed: 0, skipped: 0 };
  const counts = parseCounts(ended.tail) ?? { passed: 0, failed: 0, skipped: 0 };
  const nothing = counts.passed + counts.failed + counts.skipped === 0;
  if (counts.failed === 0 && (ended.status !== 0 || nothing)) return { ...counts, failed: 1 };
  return counts;
}

/** Of a line that says what failed; a program that draws its progress in one line writes kilobytes. */
const failureCharsMax = 400;
/** Lines after one that starts with FAILED, which say how. */
const detailLinesMax = 8;

/**
 * What a suite that failed said about it, in at most `linesMax` lines: from vitest's list of failures on if it has one,
 * else what a suite of ours says from each FAILED on, else its last lines. It is printed again after the sums,
 * because whoever keeps only the end of a long output would know that something failed, but not what.
 */
export function whatFailed(tail: string, linesMax = 60): readonly string[] {
  const lines = withoutColours(tail).trimEnd().split(/\r?\n/);
  const listed = lines.findIndex((line) => /^⎯+ (Failed|Unhandled) /.test(line.trim()));
  const ours = saidOfFailures(lines);
  let said = lines.slice(-linesMax);
  if (listed >= 0) said = lines.slice(listed, listed + linesMax);
  else if (ours.length > 0) said = ours.slice(0, linesMax);
  return said.map((line) => line.slice(0, failureCharsMax));
}

function saidOfFailures(lines: readonly string[]): string[] {
  let left = 0;
  return lines.filter((line) => {
    if (line.startsWith('FAILED ')) left = 1 + detailLinesMax;
    else if (/^(ok|SKIPPED) /.test(line)) left = 0;
    return left-- > 0;
  });
}

/** Runs one command within its time; past it the command's whole process group is ended. */
async function runWithin(npmArguments: readonly string[], timeoutMs: number): Promise<Ended> {
  return await new Promise((resolve, reject) => {
    const child = spawn('npm', npmArguments, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let tail = '';
    let timedOut = false;
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        to.write(chunk);
        tail = (tail + chunk.toString('utf8')).slice(-outputBytesKept);
      });
    }
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, timeoutMs);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? undefined, timedOut, tail });
    });
  });
}

/** Installs what the suites use and a bare Debian lacks. Failing is no failure: the suites skip what they cannot run. */
function installDebianTools(): void {
  const missing = ['strace'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  const mayInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (missing.length === 0 || !mayInstall || process.env['CI'] === undefined) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options: SpawnSyncOptions = { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 180_000 };
  const updated = spawnSync('apt-get', ['update', '-q'], options);
  const installed = spawnSync(
    'apt-get',
    ['install', '-q', '-y', '--no-install-recommends', ...missing],
    options,
  );
  if (installed.status === 0) return;
  say(
    `apt-get could not install ${missing.join(', ')} (its update ended with ${updated.status ?? 'a signal'})`,
  );
}

function say(text: string): void {
  process.stdout.write(`ci: ${text}\n`);
}

/** Those that can run here, or those that were named. */
export function chosen(names: readonly string[], exists: (path: string) => boolean): readonly Suite[] {
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) throw new Error(`Unknown suite ${unknown.join(', ')}`);
  const written = suites.filter(({ entry }) => entry === undefined || exists(entry));
  return names.length === 0 ? written : written.filter(({ name }) => names.includes(name));
}

/**
 * Why a suite is not begun, or undefined: a machine that was too slow to build its tools, or that has not even half of
 * its time left, would only show how slow it is.
 *
 * @param unbuilt entries of suites whose preparation ran out of time
 */
export function whySkipped(
  { entry = '', minutesMax: minutes }: Pick<Suite, 'entry' | 'minutesMax'>,
  unbuilt: ReadonlySet<string>,
  leftMs: number,
): string | undefined {
  if (unbuilt.has(entry)) return 'its tools were not built in time';
  const left = leftMs / 60_000;
  return left < minutes / 2 ? `${left.toFixed(1)} min are left of ${minutesMax}` : undefined;
}

/** Waits until the host leaves the machine its processors, for so long at most; returns for how long. */
async function waitForProcessors(msMax: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const share = shareStolenNow();
    const waited = performance.now() - start;
    if (share <= stolenMax.before || waited + waitMs > msMax) return waited;
    say(`waiting: the host takes ${percent(share)} of the processors`);
    await sleep(waitMs);
  }
}

/** How a suite went, and what the host took of the processors meanwhile. */
interface Went {
  readonly ended: Ended;
  readonly counts: Counts;
  readonly stolen: number;
  /** For the closing table. */
  readonly row: string;
}

async function runSuite(suite: Suite, deadline: number): Promise<Went> {
  say(`${suite.name} (at most ${suite.minutesMax} min)`);
  const [start, before] = [performance.now(), processorTimes()];
  const ended = await runWithin(suite.npm, Math.min(suite.minutesMax * 60_000, deadline - start));
  const stolen = shareStolen(before, processorTimes());
  const counts = judge(suite, ended);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const verdict = suite.preparation === true ? `exit ${ended.status ?? 'by a signal'}` : formatCounts(counts);
  const late = ended.timedOut ? ', stopped: out of time' : '';
  const host = stolen > stolenMax.during ? `, the host took ${percent(stolen)} of the processors` : '';
  return { ended, counts, stolen, row: `${suite.name}: ${verdict} in ${seconds} s${late}${host}` };
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

async function main(names: readonly string[]): Promise<number> {
  const start = performance.now();
  const deadline = start + minutesMax * 60_000;
  installDebianTools();
  const results: Counts[] = [];
  const table: string[] = [];
  const failures: string[] = [];
  const unbuilt = new Set<string>();
  let waited = 0;
  for (const suite of chosen(names, (path) => existsSync(join(root, path)))) {
    waited += await waitForProcessors(waitMinutesMax * 60_000 - waited);
    const reason = whySkipped(suite, unbuilt, deadline - performance.now());
    if (reason !== undefined) {
      say(`SKIPPED ${suite.name}: ${reason}`);
      table.push(`${suite.name}: SKIPPED: ${reason}`);
      results.push({ passed: 0, failed: 0, skipped: suite.preparation === true ? 0 : 1 });
      continue;
    }
    let went = await runSuite(suite, deadline);
    const mayRunAgain = whySkipped(suite, unbuilt, deadline - performance.now()) === undefined;
    if (went.counts.failed > 0 && went.stolen > stolenMax.during && mayRunAgain) {
      say(`${went.row}: once more`);
      table.push(`${went.row}: run once more`);
      for (const line of whatFailed(went.ended.tail)) say(line);
      waited += await waitForProcessors(waitMinutesMax * 60_000 - waited);
      went = await runSuite(suite, deadline);
    }
    if (suite.preparation === true && went.ended.timedOut) unbuilt.add(suite.entry ?? '');
    table.push(went.row);
    results.push(went.counts);
    if (went.counts.failed > 0) failures.push(`${suite.name} failed:`, ...whatFailed(went.ended.tail));
  }
  for (const row of failures) say(row);
  for (const row of table) say(row);
  say(`all in ${((performance.now() - start) / 60_000).toFixed(1)} min`);
  const total = addCounts(results);
  process.stdout.write(`${formatCounts(total)}\n`);
  return total.failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));

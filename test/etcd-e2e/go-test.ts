/** Runs single tests of a compiled Go test program, and reads how they ended. */

import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.ts';

export interface TestProgram {
  /** The package of etcd's tests. */
  readonly name: 'common' | 'e2e';
  readonly path: string;
}

export interface Surroundings {
  /** Words in front of the command. */
  readonly prefix: readonly string[];
  /** Programs that the tests start. */
  readonly bin: string;
  readonly fixtures: string;
  /** Each test has a directory in it. */
  readonly scratch: string;
}

export type Outcome =
  { kind: 'passed' } | { kind: 'failed'; why: string } | { kind: 'skipped'; reason: string };

/** Names directories: short ones, for the path of a Unix socket has 107 bytes at most. */
let runs = 0;
const SECONDS_MAX = 180;
const WHY_LINES_MAX = 40;

/** All tests of a program, in the order of its sources. */
export async function listTests({ path }: TestProgram, around: Surroundings): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run(path, ['-test.list', '.*'], {
    env: { TMPDIR: around.scratch },
  });
  if (code !== 0) throw new Error(`${path} does not list its tests: ${stderr}`);
  return stdout.split('\n').filter((line) => line.startsWith('Test'));
}

/** Runs a test but for those of its subtests that `skip` names, as `-test.skip` takes them. */
export async function runTest(
  program: TestProgram,
  test: string,
  { around, skip }: { around: Surroundings; skip: readonly string[] },
): Promise<Outcome> {
  // Where the tests expect to be in etcd's sources: certificates and programs are found by relative paths.
  const directory = join(around.scratch, `${runs++}`);
  const here = join(directory, 'tests', program.name);
  mkdirSync(here, { recursive: true });
  mkdirSync(join(directory, 't'));
  symlinkSync(around.bin, join(directory, 'bin'));
  symlinkSync(around.fixtures, join(directory, 'tests', 'fixtures'));
  const words = [
    ...around.prefix,
    ...['env', '-C', here, program.path, '-test.v', `-test.timeout=${SECONDS_MAX}s`, `-test.run=^${test}$`],
    ...(skip.length === 0 ? [] : [`-test.skip=${skip.map((one) => `^${one}$`).join('|')}`]),
  ];
  const { code, stdout, stderr } = await run(words[0]!, words.slice(1), {
    timeoutMs: (SECONDS_MAX + 20) * 1000,
    env: { TMPDIR: join(directory, 't') },
  });
  rmSync(directory, { recursive: true, force: true });
  return outcomeOf(test, code, stdout + stderr);
}

/** By the lines that `-test.v` prints: `--- PASS: Test (1.23s)`, those of subtests indented. */
export function outcomeOf(test: string, code: number, output: string): Outcome {
  const lines = output.split('\n');
  const ended = new RegExp(`^--- (PASS|FAIL|SKIP): ${test} `);
  const verdict = lines.map((line) => ended.exec(line)?.[1]).find((word) => word !== undefined);
  if (verdict === 'SKIP') return { kind: 'skipped', reason: reasonOf(lines) };
  if (verdict !== 'PASS' || code !== 0)
    return { kind: 'failed', why: `ended with ${code}:\n${whyOf(lines)}` };
  return { kind: 'passed' };
}

function reasonOf(lines: readonly string[]): string {
  const told = lines.find(
    (line) => /^ +\w+\.go:\d+: (?!Changing working directory)/.test(line) && !isNoise(line),
  );
  return told?.trim() ?? 'it skips itself';
}

function isNoise(line: string): boolean {
  return /logger\.go:\d+:|^=== (RUN|CONT|PAUSE|NAME)|Changing working directory|^\s*$|^goroutine |^\t/.test(
    line,
  );
}

function whyOf(lines: readonly string[]): string {
  const telling = lines.filter((line) => !isNoise(line)).map((line) => line.slice(0, 500));
  return telling.slice(0, WHY_LINES_MAX).join('\n');
}

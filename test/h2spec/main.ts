/**
 * h2spec 2.2.1 against the built Engram, over plain text and over TLS: every case of its generic, http2 and hpack parts,
 * the strict ones too, is a check. `npm run test:h2spec -- [--short]`; the form is the same, for the whole takes seconds.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../scripts/tools.ts';
import { run, temporaryDirectory } from '../support/process.ts';
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import { exceptions } from './exceptions.ts';
import { readReport, type Case } from './report.ts';
import { Target } from './target.ts';

/** What h2spec 2.2.1 has: fewer would mean that it did not run to its end. */
const CASES = 146;
/** How long h2spec waits for what a case wants to see. Its 2 s are short where several suites share a machine. */
const WAIT_SECONDS = 8;

programOptions(import.meta.filename, { short: { type: 'boolean' } });
const h2spec = suite('test:h2spec');
const tool = await findTool('h2spec');
for (const scheme of ['http', 'https'] as const) {
  if (tool.kind === 'missing') h2spec.skip(`h2spec over ${scheme}`, tool.reason);
  else await runOver(scheme, tool.path);
}
h2spec.finish();

async function runOver(scheme: 'http' | 'https', path: string): Promise<void> {
  let target: Target | undefined;
  let cases: readonly Case[] = [];
  await h2spec.check(`h2spec runs over ${scheme}`, async () => {
    target = await Target.start(scheme);
    cases = await casesOf(path, scheme, target.port);
    assert.equal(cases.length, CASES);
  });
  for (const one of cases) await judge(scheme, one);
  if (target === undefined) return;
  const { health, errors } = { health: await answer(target), errors: target.errors() };
  await h2spec.check(`another client is served over ${scheme} after all of this`, () => {
    assert.match(health, /"health":"true"/);
    return Promise.resolve();
  });
  await h2spec.check(`no error in the log of the server, over ${scheme}`, () => {
    assert.deepEqual(errors, []);
    return Promise.resolve();
  });
  await target.stop();
}

async function answer(target: Target): Promise<string> {
  try {
    return await target.health();
  } catch (error) {
    return String(error);
  }
}

async function casesOf(path: string, scheme: 'http' | 'https', port: string): Promise<readonly Case[]> {
  const report = join(temporaryDirectory('h2spec-report'), 'report.xml');
  const args = [
    ...(scheme === 'https' ? ['--tls', '--insecure'] : []),
    '--strict',
    '--host=127.0.0.1',
    `--port=${port}`,
    `--timeout=${WAIT_SECONDS}`,
    `--junit-report=${report}`,
  ];
  const { stdout, stderr } = await run(path, args, { timeoutMs: 150_000 });
  try {
    return readReport(readFileSync(report, 'utf8'));
  } catch (cause) {
    throw new Error(`h2spec left no report: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`, { cause });
  }
}

/** A case on the list of exceptions must fail: when it passes it has to leave the list. */
async function judge(scheme: string, { name, failure }: Case): Promise<void> {
  const reason = exceptions.get(name);
  if (reason !== undefined && failure !== undefined) print(`   excepted: ${reason}`);
  await h2spec.check(`${scheme} ${name}`, () => {
    if (reason === undefined) assert.equal(failure, undefined);
    else assert.notEqual(failure, undefined, 'passes, though it is listed as an exception');
    return Promise.resolve();
  });
}

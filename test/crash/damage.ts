import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngramProcess } from '../support/engram.ts';
import { temporaryDirectory } from '../support/process.ts';

/** A directory whose files hold acknowledged writes: random ones, because in a compressed run many flips change nothing. */
async function filled(): Promise<EngramProcess> {
  const engram = await EngramProcess.at(temporaryDirectory('damage'));
  const client = await engram.up();
  for (let at = 0; at < 60; at++) await client.put({ key: Buffer.from(`k${at}`), value: randomBytes(2_000) });
  client.close();
  await engram.stop('SIGKILL');
  return engram;
}

/** Damages a copy of the directory and expects that the server does not start, and says why. */
async function refused(from: EngramProcess, damage: (directory: string) => void): Promise<string> {
  const engram = await EngramProcess.at(temporaryDirectory('damage'));
  cpSync(from.dataDir, engram.dataDir, { recursive: true });
  damage(engram.dataDir);
  const running = engram.launch();
  const timer = setTimeout(() => running.child.kill('SIGKILL'), 20_000);
  const code = await running.exited;
  clearTimeout(timer);
  assert.equal(code, 1, `a damaged log was not refused (exit ${code}): ${engram.log()}`);
  return engram.log();
}

const filesOf = (directory: string, suffix: string): string[] =>
  readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => path.endsWith(suffix) && statSync(path).isFile() && statSync(path).size > 0);

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 0x40;
  writeFileSync(path, bytes);
}

/** One flipped byte, at several places of LevelDB's own log, is never taken for a shorter log. */
export async function flippedBytes(): Promise<string> {
  const engram = await filled();
  const logs = filesOf(engram.dataDir, '.log');
  assert.ok(logs.length > 0, 'there is no LevelDB log to damage');
  let tried = 0;
  for (const share of [0.1, 0.35, 0.6, 0.85, 0.99]) {
    await refused(engram, (directory) => {
      const path = filesOf(directory, '.log').sort((a, b) => statSync(b).size - statSync(a).size)[0]!;
      flip(path, Math.floor(statSync(path).size * share));
    });
    tried++;
  }
  return `${tried} places of a log of ${statSync(logs[0]!).size} bytes`;
}

/** A flipped byte inside a table, where LevelDB keeps the chunks after it has written its log out. */
export async function flippedTableBytes(): Promise<string> {
  const engram = await filled();
  const client = await engram.up();
  await client.call('/etcdserverpb.Maintenance/Defragment', {});
  client.close();
  await engram.stop('SIGTERM');
  const tables = filesOf(engram.dataDir, '.ldb');
  assert.ok(tables.length > 0, 'there is no table to damage');
  for (const share of [0.2, 0.5]) {
    await refused(engram, (directory) => {
      // All of them, because some may be there only until the next start.
      for (const path of filesOf(directory, '.ldb')) flip(path, Math.floor(statSync(path).size * share));
    });
  }
  return `${tables.length} tables`;
}

/** A log that ends early is refused, because the side file knows what was acknowledged. */
export async function truncatedLog(): Promise<string> {
  const engram = await filled();
  for (const lost of [1, 3_000, 40_000]) {
    await refused(engram, (directory) => {
      const path = filesOf(directory, '.log').sort((a, b) => statSync(b).size - statSync(a).size)[0]!;
      truncateSync(path, Math.max(0, statSync(path).size - lost));
    });
  }
  return 'three lengths';
}

/** The second server on a directory fails at once and says who holds it. */
export async function lockedDirectory(): Promise<string> {
  const engram = await EngramProcess.at(temporaryDirectory('lock'));
  const client = await engram.up();
  const second = await EngramProcess.at(engram.directory);
  const running = second.launch();
  assert.equal(await running.exited, 1);
  assert.match(
    second.log(),
    new RegExp(`${engram.pid()}`),
    'the message does not name the process that holds it',
  );
  client.close();
  await engram.stop('SIGTERM');
  return 'names the process';
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Client, EngramProcess, headerRevision } from '../support/engram.ts';
import { run, temporaryDirectory } from '../support/process.ts';
import { Skipped } from '../support/suite.ts';
import { readTrace, straceCommand } from './strace.ts';
import { checkStore, Knowledge, writeUntilCut } from './workload.ts';

/** Syncs are slow, so that most kills come while one is under way. */
const SYNC_DELAY_MS = 20;
const ROUNDS_FOR_A_TAIL = 12;

/** kill -9 proves no sync, because the page cache survives it; so the system calls are counted. */
export async function syncsAreCounted(): Promise<string> {
  await needStrace();
  const engram = await EngramProcess.at(temporaryDirectory('strace'));
  const output = join(engram.directory, 'strace.out');
  const client = await engram.up(straceCommand(output));
  const writes = 200;
  for (let at = 0; at < writes; at++)
    await client.put({ key: Buffer.from(`k${at}`), value: Buffer.from('v') });
  client.close();
  await stopTraced(engram);
  const { syncs } = readTrace(output, engram.dataDir);
  // One caller alone: each acknowledged write is a group of its own.
  assert.ok(syncs >= writes, `${syncs} syncs for ${writes} acknowledged groups`);
  return `${syncs} syncs for ${writes} groups`;
}

/** A power failure: what LevelDB's log had not yet synced is cut off, at the byte, and nothing acknowledged is lost. */
export async function unsyncedTailIsLost(rounds: number): Promise<string> {
  await needStrace();
  const engram = await EngramProcess.at(temporaryDirectory('tail'));
  const knowledge = new Knowledge();
  let cutBytes = 0;
  for (let round = 0; round < rounds; round++) {
    const output = join(engram.directory, `strace-${round}.out`);
    const client = await engram.up(straceCommand(output, SYNC_DELAY_MS));
    const clients = Array.from({ length: 8 }, () => new Client(engram.target));
    const writing = clients.map((lane, at) => writeUntilCut(lane, knowledge, at));
    await new Promise((resolve) => setTimeout(resolve, 300 + round * 37));
    await stopTraced(engram, 'SIGKILL');
    await Promise.all(writing);
    for (const lane of [client, ...clients]) lane.close();
    cutBytes += cutUnsynced(output, engram.dataDir);
    const restarted = await engram.up();
    await checkStore(restarted, knowledge);
    // A write whose answer was lost may be gone with the tail; what is there now stays there.
    assert.ok(headerRevision(await restarted.range({ key: Buffer.from('x') })) >= knowledge.next - 1);
    restarted.close();
    await engram.stop('SIGTERM');
  }
  assert.ok(
    cutBytes > 0 || rounds < ROUNDS_FOR_A_TAIL,
    'no kill has left an unsynced tail: it proves nothing',
  );
  return `${rounds} rounds, ${knowledge.acknowledged.size} acknowledged writes, ${cutBytes} unsynced bytes cut`;
}

function cutUnsynced(output: string, directory: string): number {
  const { syncedBytes, writtenBytes } = readTrace(output, directory);
  let cut = 0;
  for (const [path, written] of writtenBytes) {
    if (!path.endsWith('.log') || !existsSync(path)) continue;
    const synced = syncedBytes.get(path) ?? 0;
    const { size } = statSync(path);
    // Files that this process did not begin hold older bytes before what was traced.
    const keep = size - (written - synced);
    if (keep < size) truncateSync(path, keep);
    cut += size - keep;
  }
  return cut;
}

/** strace hands on SIGTERM only to itself; the server is its child. */
async function stopTraced(engram: EngramProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  const tracer = engram.pid();
  const child = execFileSync('ps', ['-o', 'pid=', '--ppid', String(tracer)])
    .toString()
    .trim()
    .split(/\s+/)[0];
  process.kill(Number(child), signal);
  await engram.exited();
}

async function needStrace(): Promise<void> {
  const { code } = await run('strace', ['-V']);
  if (code !== 0) throw new Skipped('strace is not installed (Debian: apt-get install strace)');
}

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngramProcess } from '../support/engram.ts';
import { run, temporaryDirectory } from '../support/process.ts';
import { Skipped, eventually } from '../support/suite.ts';
import { checkStore, Knowledge } from './workload.ts';
import { headerRevision } from '../support/engram.ts';

const SIZE_MIB = 48;

/** A small file system that fills up: writes fail clearly, reads go on, nothing is lost, and writes work again. */
export async function fullDisk(): Promise<string> {
  const mount = temporaryDirectory('full-disk');
  const { code, stderr } = await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', mount]);
  if (code !== 0) throw new Skipped(`a tmpfs cannot be mounted here: ${stderr.trim()}`);
  try {
    return await fillAndFree(mount);
  } finally {
    await run('umount', ['-l', mount]);
  }
}

async function fillAndFree(mount: string): Promise<string> {
  const directory = join(mount, 'engram');
  mkdirSync(directory);
  const engram = await EngramProcess.at(directory, temporaryDirectory('full-disk-log'));
  const ballast = join(mount, 'ballast');
  const client = await engram.up([], ['--log-level=error']);
  const knowledge = new Knowledge();
  const value = 'x'.repeat(64 * 1024);
  const write = async (at: number) => {
    const what = `${at}:${value}`;
    const answer = await client.put({ key: Buffer.from(`k${at}`), value: Buffer.from(what) });
    if (answer.error === undefined) knowledge.acknowledge(headerRevision(answer), `k${at}=${what}`);
    return answer.error;
  };
  for (let at = 0; at < 20; at++) assert.equal(await write(at), undefined);
  fill(ballast);
  let error: { code: number; text: string } | undefined;
  for (let at = 20; at < 600 && error === undefined; at++) error = await write(at);
  assert.ok(error !== undefined, 'no write failed on a full disk');
  assert.match(error.text, /^etcdserver: /);
  await eventually('that writes are refused for want of space', 20_000, async () =>
    (await write(999))?.text === 'etcdserver: mvcc: database space exceeded' ? true : undefined,
  );
  const { message } = await client.range({ key: Buffer.from('k3') });
  assert.equal((message['kvs'] as unknown[]).length, 1, 'a read failed on a full disk');
  rmSync(ballast);
  await eventually('that writes work again', 20_000, async () =>
    (await write(1_000)) === undefined ? true : undefined,
  );
  await checkStore(client, knowledge);
  client.close();
  await engram.stop('SIGKILL');
  const restarted = await engram.up();
  await checkStore(restarted, knowledge);
  restarted.close();
  await engram.stop('SIGTERM');
  return `failed with "${error.text}"; ${knowledge.acknowledged.size} acknowledged writes`;
}

function fill(path: string): void {
  for (let bytes = SIZE_MIB * 1024 * 1024; bytes >= 4096; bytes = Math.floor(bytes / 2)) {
    try {
      writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      // It is meant to fill the disk: the next smaller piece goes on.
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
}

import { randomBytes } from 'node:crypto';
import type { Suite } from '../support/suite.ts';
import { eventually, inParallel, print } from '../support/suite.ts';
import { Client, headerRevision } from '../support/engram.ts';
import { expectKeys } from './memory.ts';
import { load } from './load.ts';
import { MeasuredServer } from '../support/measured-server.ts';

const MIB = 2 ** 20;
const SPARE_BYTES = 64 * MIB;
const VALUE_BYTES = 100 * 1024;
const OVERWRITES = 100;
const SETTLE_MS = 120_000;

export interface DiskSizes {
  readonly overwritten: number;
  readonly deleted: number;
}

export const DISK_FULL: DiskSizes = { overwritten: 1000, deleted: 1_000_000 };
export const DISK_SHORT: DiskSizes = { overwritten: 100, deleted: 100_000 };

export async function checkDisk(suite: Suite, { overwritten, deleted }: DiskSizes): Promise<void> {
  await suite.check(`disk: ${overwritten} keys of 100 KiB overwritten ${OVERWRITES} times`, () =>
    overwrite(overwritten),
  );
  await suite.check(`disk: tombstones of ${deleted.toLocaleString('en')} deleted keys are swept`, () =>
    sweep(deleted),
  );
}

/** With a compaction after every round, as automatic compaction would make them. */
async function overwrite(keys: number): Promise<void> {
  const server = await MeasuredServer.engram();
  const most = 3 * keys * VALUE_BYTES + SPARE_BYTES;
  try {
    await server.start();
    const client = new Client(server.target);
    let highest = 0;
    for (let round = 0; round < OVERWRITES; round++) {
      const value = randomBytes(VALUE_BYTES);
      let revision = 0;
      await inParallel(keys, 16, async (n) => {
        const answer = await client.put({ key: Buffer.from(`/disk/${n}`), value });
        if (answer.error !== undefined) throw new Error(answer.error.text);
        revision = Math.max(revision, headerRevision(answer));
      });
      await client.compact({ revision });
      highest = Math.max(highest, server.diskBytes());
    }
    client.close();
    const settled = await eventually('a directory below the limit', SETTLE_MS, () => {
      const bytes = server.diskBytes();
      return Promise.resolve(bytes < most ? bytes : undefined);
    });
    print(`  ${mib(settled)} (limit ${mib(most)}), at most ${mib(highest)} while writing; ${memory(server)}`);
  } finally {
    await server.remove();
  }
}

/** All keys put, all deleted, compacted: nothing of them is left in memory nor on disk, also after a restart. */
async function sweep(keys: number): Promise<void> {
  const server = await MeasuredServer.engram();
  try {
    await server.start();
    const callers = { target: server.target, count: keys, callers: 256, connections: 16, valueBytes: 64 };
    await load({ ...callers, kind: 'put' });
    const full = server.diskBytes();
    await load({ ...callers, kind: 'delete' });
    await expectKeys(server, 0);
    const { header } = await server.call('KV/Range', { key: Buffer.from('a') });
    const revision = Number((header as { revision: string }).revision);
    // One above the last tombstone, which is live at its own revision.
    await server.call('KV/Put', { key: Buffer.from('/last') });
    await server.call('KV/Compact', { revision: revision + 1, physical: true });
    await server.call('Maintenance/Defragment', {});
    const startMs = performance.now();
    // A log without tombstones: a few bytes a revision's chunk at most; one with them has 80 bytes for each.
    const most = MIB + keys * 8;
    const left = await eventually('a directory without tombstones', SETTLE_MS, async () => {
      await server.call('Maintenance/Defragment', {});
      const bytes = server.diskBytes();
      return bytes < most ? bytes : undefined;
    });
    const waitedMs = performance.now() - startMs;
    print(`  ${mib(full)} before, ${mib(left)} after ${waitedMs.toFixed(0)} ms; ${memory(server)}`);
    await server.stop();
    const restartMs = await server.start();
    await expectKeys(server, 0);
    print(`  restart ${restartMs.toFixed(0)} ms; ${memory(server)}`);
  } finally {
    await server.remove();
  }
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

function memory(server: MeasuredServer): string {
  return `resident ${server.residentMiB().resident} MiB`;
}

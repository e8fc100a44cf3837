import type { Suite } from '../support/suite.ts';
import { print } from '../support/suite.ts';
import { load } from './load.ts';
import { MeasuredServer } from '../support/measured-server.ts';

const VALUE_BYTES = 256;
/** Of a million keys; etcd takes 900. */
const RESIDENT_MIB_MAX = 600;
/** What a process is resident with that has served as many calls and holds next to nothing. */
const EMPTY_MIB = 150;
const REST_MS = 30_000;

export interface MemorySizes {
  /** Keys loaded by 256 callers, and put one at a time. */
  readonly keys: number;
  readonly keysAlone: number;
  readonly restMs: number;
}

export const MEMORY_FULL: MemorySizes = { keys: 1_000_000, keysAlone: 1_000_000, restMs: REST_MS };
export const MEMORY_SHORT: MemorySizes = { keys: 200_000, keysAlone: 40_000, restMs: 5000 };

/** Resident memory after the load and after a restart, and how long the restart takes, beside etcd in the same run. */
export async function checkMemory(suite: Suite, sizes: MemorySizes): Promise<void> {
  const cases = [
    { label: 'by 256 callers', keys: sizes.keys, callers: 256 },
    { label: 'one put at a time', keys: sizes.keysAlone, callers: 1 },
  ];
  for (const { label, keys, callers } of cases) {
    const many = `${keys.toLocaleString('en')} keys, ${label}`;
    let etcd: Measured | undefined;
    await suite.check(`reference: etcd with ${many}`, async () => {
      etcd = await measure(await MeasuredServer.etcd(), { keys, callers, restMs: sizes.restMs });
    });
    await suite.check(`memory and restart with ${many}`, async () => {
      const engram = await measure(await MeasuredServer.engram(), { keys, callers, restMs: sizes.restMs });
      const most = limitOf(keys);
      within('resident after the load (MiB)', engram.loadedMiB, Math.min(most, etcd?.loadedMiB ?? most));
      within(
        'resident after a restart (MiB)',
        engram.restartedMiB,
        Math.min(most, etcd?.restartedMiB ?? most),
      );
      if (etcd !== undefined) within('start (ms)', engram.startMs, etcd.startMs);
    });
  }
}

/** The limit is for a million keys: of fewer, their share of it, beside what an empty process takes. */
function limitOf(keys: number): number {
  return EMPTY_MIB + ((RESIDENT_MIB_MAX - EMPTY_MIB) * keys) / 1_000_000;
}

interface Measured {
  readonly loadedMiB: number;
  readonly restartedMiB: number;
  readonly startMs: number;
}

async function measure(
  server: MeasuredServer,
  { keys, callers, restMs }: { keys: number; callers: number; restMs: number },
): Promise<Measured> {
  try {
    await server.start();
    const connections = Math.min(callers, 16);
    const options = { target: server.target, kind: 'put', count: keys, callers, connections } as const;
    const { elapsedMs } = await load({ ...options, valueBytes: VALUE_BYTES });
    const cpu = (server.cpuSeconds() * 1e6) / keys;
    await rest(restMs);
    const loaded = server.residentMiB();
    const disk = server.diskBytes();
    await server.stop();
    const startMs = await server.start();
    await expectKeys(server, keys);
    await rest(restMs);
    const restarted = server.residentMiB();
    print(
      `  ${server.name}: ${Math.round((keys / elapsedMs) * 1000)} puts/s at ${cpu.toFixed(1)} us; resident ` +
        `${loaded.resident} MiB (${loaded.anonymous} anonymous), restarted ${restarted.resident} MiB ` +
        `(${restarted.anonymous}); start ${startMs.toFixed(0)} ms; disk ${Math.round(disk / 2 ** 20)} MiB`,
    );
    return { loadedMiB: loaded.resident, restartedMiB: restarted.resident, startMs };
  } finally {
    await server.remove();
  }
}

export async function expectKeys(server: MeasuredServer, keys: number): Promise<void> {
  const answer = await server.call('KV/Range', {
    key: Buffer.from('/scale/'),
    range_end: Buffer.from('/scale0'),
    count_only: true,
  });
  if (Number(answer['count']) !== keys) throw new Error(`${String(answer['count'])} keys, not ${keys}`);
}

export function within(what: string, value: number, most: number): void {
  if (value > most) throw new Error(`${what} is ${Math.round(value)}, above ${Math.round(most)}`);
}

export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { setTimeout as sleep } from 'node:timers/promises';
import { TikvEngine } from '../../src/engine/tikv/index.ts';
import { tikvEnvironment } from '../conformance/tikv-subject.ts';
import { tikvFlags } from '../crash/tikv.ts';
import { type Client, EngramProcess } from '../support/engram.ts';
import { temporaryDirectory } from '../support/process.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';

const HEAD = Buffer.from('log/head');
/** So long that what is fetched ahead is there when the next one is sent. */
const PAUSE_MS = 5;
const NEVER = new AbortController().signal;

interface Spread {
  readonly p50: number;
  readonly p99: number;
}

const spread = (ms: number[]): Spread => {
  const sorted = ms.toSorted((a, b) => a - b);
  return { p50: sorted[sorted.length >> 1]!, p99: sorted[Math.floor(sorted.length * 0.99)]! };
};
const shown = ({ p50, p99 }: Spread): string => `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;

async function time(count: number, pauseMs: number, run: (at: number) => Promise<void>): Promise<Spread> {
  const took: number[] = [];
  for (let at = 0; at < count; at++) {
    const startMs = performance.now();
    await run(at);
    took.push(performance.now() - startMs);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  // The first ones find caches empty and code cold.
  return spread(took.slice(count / 10));
}

/** A slot of 512 bytes and a head on condition of the one before, as the log appends: with pauses, and back to back. */
async function appends(cluster: FixtureCluster, count: number, pauseMs: number): Promise<Spread> {
  const keyPrefix = Buffer.from(`floor/${pauseMs}/`);
  const engine = await TikvEngine.open({ pd: cluster.pd, environment: tikvEnvironment, keyPrefix });
  let head: Buffer | undefined;
  try {
    return await time(count, pauseMs, async (at) => {
      const next = Buffer.from(`head ${at}`);
      const slot = {
        key: Buffer.from(`log/${at.toString(16).padStart(14, '0')}`),
        value: Buffer.alloc(512, at),
      };
      const result = await engine.commit(
        {
          conditions: [
            head === undefined ? { key: HEAD, is: 'absent' } : { key: HEAD, is: 'equal', value: head },
          ],
          writes: [slot, { key: HEAD, value: next }],
        },
        NEVER,
      );
      if (result.kind !== 'committed') throw new Error(`An append ended with ${result.kind}`);
      head = next;
    });
  } finally {
    await engine.close();
  }
}

/** One call of a store alone, as far as a client can see it: a get at a timestamp that is at hand. */
async function roundTrips(cluster: FixtureCluster, count: number): Promise<Spread> {
  const engine = await TikvEngine.open({ pd: cluster.pd, environment: tikvEnvironment });
  try {
    await using snapshot = await engine.snapshot();
    return await time(count, 0, async () => void (await snapshot.get(HEAD)));
  } finally {
    await engine.close();
  }
}

async function puts(cluster: FixtureCluster, count: number, pauseMs: number): Promise<Spread> {
  const engram = await EngramProcess.at(temporaryDirectory('floor'));
  engram.flags = tikvFlags(cluster.pd, { keyspace: `floor-${pauseMs}` });
  const client: Client = await engram.up();
  try {
    return await time(count, pauseMs, async (at) => {
      const { error } = await client.put({ key: Buffer.from(`k${at % 100}`), value: Buffer.alloc(512, at) });
      if (error !== undefined) throw new Error(error.text);
    });
  } finally {
    client.close();
    await engram.stop('SIGTERM');
  }
}

/** What an append costs at least, and what a put costs from end to end, one at a time, on this machine. */
export async function printFloor(print: (line: string) => void, count: number): Promise<void> {
  const cluster = await FixtureCluster.start({ stores: 1 });
  try {
    print(`   one call of a store:                          ${shown(await roundTrips(cluster, count))}`);
    print(
      `   append, ${PAUSE_MS} ms after the one before (1 round trip): ${shown(await appends(cluster, count, PAUSE_MS))}`,
    );
    print(`   append, back to back (3 round trips):         ${shown(await appends(cluster, count, 0))}`);
    print(
      `   put, ${PAUSE_MS} ms after the one before:                   ${shown(await puts(cluster, count, PAUSE_MS))}`,
    );
    print(`   put, back to back:                            ${shown(await puts(cluster, count, 0))}`);
  } finally {
    await cluster.close();
  }
}

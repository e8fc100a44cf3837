import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../src/base/index.ts';
import { Client, EngramProcess, headerRevision } from '../support/engram.ts';
import { temporaryDirectory } from '../support/process.ts';
import { eventually } from '../support/suite.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';
import { killUnderLoad } from './kill.ts';
import { checkStore, Knowledge } from './workload.ts';

const LANES = 8;

export interface TikvFlagsOptions {
  readonly keyspace?: string;
  /** @default http */
  readonly peerScheme?: 'http' | 'https';
}

/** Several servers run beside each other, so each has a peer port of its own. */
export function tikvFlags(
  pd: readonly string[],
  { keyspace = 'crash', peerScheme = 'http' }: TikvFlagsOptions = {},
): string[] {
  const peers = `--listen-peer-urls=${peerScheme}://127.0.0.1:0`;
  return ['--engine=tikv', `--tikv-pd=${pd.join(',')}`, `--keyspace=${keyspace}`, peers];
}

async function withFixture<T>(use: (cluster: FixtureCluster) => Promise<T>): Promise<T> {
  const cluster = await FixtureCluster.start({ stores: 3, placementDrivers: 3, electionMs: 300 });
  try {
    return await use(cluster);
  } finally {
    await cluster.close();
  }
}

/** Kill -9 of Engram under load, again and again on one keyspace. */
export function killOnTikv(rounds: number, seed: number): Promise<string> {
  return withFixture((cluster) => killUnderLoad(rounds, seed, tikvFlags(cluster.pd)));
}

interface Load {
  readonly knowledge: Knowledge;
  /** The longest time in which nothing was acknowledged. */
  gapMs: number;
  failures: number;
  isOver: boolean;
}

/** Writes one after another until the load is over; a call that failed may have had an effect. */
async function write(client: Client, load: Load, lane: number): Promise<void> {
  let sinceMs = Date.now();
  for (let at = 0; !load.isOver; at++) {
    const value = load.knowledge.unique();
    const key = `lane${lane}/${at % 50}`;
    const answer = await client.put({ key: Buffer.from(key), value: Buffer.from(value) });
    if (answer.error !== undefined) {
      assert.match(
        answer.error.text,
        /^etcdserver: (request timed out|too many requests)/,
        'a write failed otherwise',
      );
      load.failures++;
      await sleep(20);
      continue;
    }
    load.knowledge.acknowledge(headerRevision(answer), `${key}=${value}`);
    load.gapMs = Math.max(load.gapMs, Date.now() - sinceMs);
    sinceMs = Date.now();
  }
}

/** One thing that happens to a cluster; it is whole again afterwards. */
async function disturb(cluster: FixtureCluster, random: SeededRandom): Promise<void> {
  const [stores, regions] = [await cluster.stores(), await cluster.regions()];
  const region = random.pick(regions);
  switch (random.int(0, 5)) {
    case 0:
    case 1: {
      const store = random.pick(stores);
      await cluster.stopStore(store);
      await sleep(random.int(100, 900));
      return cluster.startStore(store);
    }
    case 2:
      return cluster.pdLead(random.int(0, 2));
    case 3: {
      const lead = random.int(0, 2);
      await cluster.pdLead(lead);
      await cluster.pdStop(lead);
      await sleep(random.int(50, 400));
      await cluster.pdLead((lead + 1) % 3);
      return cluster.pdStart(lead);
    }
    case 4:
      return cluster.transfer(region.id, random.pick(stores));
    default:
      if (regions.length > 1 && random.chance(0.5)) return cluster.merge(regions[0]!.id);
      return cluster.split(
        Buffer.from(`engram/crash/log/${random.int(0, 2000).toString(16).padStart(14, '0')}`),
      );
  }
}

/** Stores stopped and started, placement drivers that lead in turns, regions that move, under load: nothing is lost. */
export function tikvUnderDisturbance(forMs: number, seed: number): Promise<string> {
  return withFixture(async (cluster) => {
    const random = new SeededRandom(seed);
    const engram = await EngramProcess.at(temporaryDirectory('tikv'));
    engram.flags = tikvFlags(cluster.pd);
    const client = await engram.up();
    const load: Load = { knowledge: new Knowledge(), gapMs: 0, failures: 0, isOver: false };
    const clients = Array.from({ length: LANES }, () => new Client(engram.target));
    const writing = clients.map((lane, at) => write(lane, load, at));
    let disturbances = 0;
    for (const untilMs = Date.now() + forMs; Date.now() < untilMs; disturbances++) {
      await disturb(cluster, random);
      await sleep(random.int(50, 400));
    }
    load.isOver = true;
    await Promise.all(writing);
    await checkStore(client, load.knowledge);
    for (const each of [client, ...clients]) each.close();
    await engram.stop('SIGKILL');
    const again = await engram.up();
    await checkStore(again, load.knowledge);
    again.close();
    await engram.stop('SIGTERM');
    const acknowledged = load.knowledge.acknowledged.size;
    assert.ok(acknowledged > forMs / 100, `only ${acknowledged} writes were acknowledged`);
    return `${disturbances} disturbances, ${acknowledged} acknowledged writes, ${load.failures} failed, longest gap ${load.gapMs} ms`;
  });
}

/** The cluster is set back to an earlier backup while Engram runs: it raises CORRUPT and writes nothing more. */
export function tikvForgets(): Promise<string> {
  return withFixture(async (cluster) => {
    const engram = await EngramProcess.at(temporaryDirectory('tikv-forgets'));
    engram.flags = tikvFlags(cluster.pd);
    const client = await engram.up();
    const put = (at: number) => client.put({ key: Buffer.from(`k${at}`), value: Buffer.from(`${at}`) });
    for (let at = 0; at < 20; at++) assert.equal((await put(at)).error, undefined);
    await cluster.kill();
    const backup = cluster.backup();
    await cluster.restart();
    for (let at = 20; at < 40; at++)
      await eventually('a write', 20_000, async () => (await put(at)).error === undefined || undefined);
    await cluster.kill();
    cluster.setBack(backup);
    // What the engine fetched ahead is older than the loss; a commit uses it for one second.
    await sleep(1200);
    await cluster.restart();
    const { text } = await eventually('that writes are refused', 30_000, async () => {
      const { error } = await put(40);
      assert.ok(error !== undefined, 'a write was acknowledged by a store that has forgotten others');
      return error.text.includes('corrupt') ? error : undefined;
    });
    const { message } = await client.range({ key: Buffer.from('k30'), serializable: true });
    assert.equal((message['kvs'] as unknown[]).length, 1, 'memory has lost what was acknowledged');
    client.close();
    await engram.stop('SIGTERM');
    return `refused with "${text}"`;
  });
}

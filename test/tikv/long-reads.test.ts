/**
 * Goal: what reads for longer than garbage lives ends, and is right. Method: the fake, whose clock, and the reader's, go on by
 * some seconds with each scan of the reader; every five minutes the log is overwritten, compacted and cleaned, every minute
 * garbage is collected. Its life is 10 minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogKeys } from '../../src/log/index.ts';
import type { EngineError } from '../../src/engine/index.ts';
import { TikvEngine } from '../../src/engine/tikv/index.ts';
import { addMs, GC_LIFE_MS_MIN, TikvClient } from '../../src/tikv/index.ts';
import { tikvEnvironment } from '../conformance/tikv-subject.ts';
import { put, range, StoreWorld } from '../property/store-world.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import type { FakeCall } from '../support/tikv/fake/world.ts';

const COUNT = 92;
/** At a scan for each slot, all of the log takes 20 minutes. A request may take 20 seconds. */
const SCAN_SECONDS = 15;
/** Everybody's time goes on by so much at once. */
const STEP_SECONDS = 2.5;
const OVERWRITE_SECONDS = 300;
const keys = new LogKeys('test');
const EVERYTHING = { gte: keys.slot(0), lt: keys.slot(100_000) };
/** Cleaning is worth it from the first byte. */
const CLEANER_LIMITS = {
  ...{ stepBytesMax: 4000, chunkBytesMin: 2000, deadBytesMin: 1, deadShareMin: 0 },
  ...{ removalsMin: 1, removalsShareMin: 0, newChunksMin: 2 },
};
const nameOf = (at: number): string => `key${String(at).padStart(3, '0')}`;

let cluster: FakeCluster;
let engine: TikvEngine;
let leader: StoreWorld;
let collector: TikvClient;
let reader: TestEnvironment;
let seconds: number;
/** Sees each call before it takes effect. */
let eachCall: (call: FakeCall) => void;

beforeEach(async () => {
  cluster = await FakeCluster.start({ stores: 1, placementDrivers: 1 });
  const { pd } = cluster;
  engine = await TikvEngine.open({ pd, environment: tikvEnvironment });
  collector = await TikvClient.open({ pd, environment: tikvEnvironment });
  leader = await StoreWorld.open({ cleanerLimits: CLEANER_LIMITS }, engine);
  reader = new TestEnvironment({ isStill: true });
  [seconds, eachCall] = [0, () => undefined];
  for (let at = 0; at < COUNT; at++) await leader.put(put(nameOf(at), `first ${at}`));
  for (let at = 1; at <= COUNT + 1; at++) await cluster.split(keys.slot(at));
});
afterEach(async () => {
  cluster.world.beforeCall = undefined;
  await leader.store.close();
  await engine.close();
  await collector.close();
  expect(cluster.violations()).toEqual([]);
  await cluster.close();
});

/** Cleaning takes its time, which is the store's own. */
async function clean(): Promise<void> {
  let isDone = false;
  const cleaned = leader.store.defragment().finally(() => (isDone = true));
  while (!isDone) {
    await leader.time.advance(100);
    await sleep(1);
  }
  await cleaned;
}

/** What others write, and what becomes of the log by it. */
async function overwrite(): Promise<void> {
  let revision = 0;
  for (let at = 0; at < COUNT; at += 8) {
    const name = nameOf((at + seconds / OVERWRITE_SECONDS) % COUNT);
    ({ revision } = await leader.put(put(name, `${seconds} seconds later`)));
  }
  await leader.compact(revision);
  await clean();
}

/** A step of everybody's time, and what others do meanwhile. */
async function step(): Promise<void> {
  await cluster.shiftClock(STEP_SECONDS * 1000);
  reader.pass(STEP_SECONDS * 1000);
  // What the reader does with the time ends before the next step.
  await sleep(2);
  seconds += STEP_SECONDS;
  if (seconds % OVERWRITE_SECONDS === 0) await overwrite();
  if (seconds % 60 === 0) await collector.collectGarbage({ lifeMs: GC_LIFE_MS_MIN });
}

async function pass(ofSeconds: number): Promise<void> {
  for (let left = ofSeconds; left > 0; left -= STEP_SECONDS) await step();
}

/** From now on scans take long: all others wait meanwhile. */
function slowScans(): void {
  let isBusy = false;
  cluster.world.beforeCall = async (call) => {
    eachCall(call);
    if (call.rpc !== 'KvScan' || isBusy) return;
    isBusy = true;
    await pass(SCAN_SECONDS);
    isBusy = false;
  };
}

const holds = (): bigint[] =>
  [...cluster.safePoints.claims].flatMap(([service, point]) => (service === 'gc_worker' ? [] : [point]));
const lagMs = async (): Promise<number> =>
  Number(((await collector.timestamp()) - cluster.safePoints.gcSafePoint) >> 18n);
const openReader = (): Promise<TikvEngine> =>
  TikvEngine.open({ pd: cluster.pd, environment: reader, name: 'engram-test-reader' });

test('promise 10: a start that reads for 20 minutes ends, and has what was there when it began', async () => {
  const slow = await openReader();
  const before = await leader.range(range(nameOf(0), 'l'));
  const began = await collector.timestamp();
  slowScans();
  const follower = await StoreWorld.follow({}, slow);
  cluster.world.beforeCall = undefined;
  expect(seconds).toBeGreaterThan(19 * 60);
  // Much of the log that it read is gone from what is there now, and garbage was collected up to what it read.
  expect(cluster.safePoints.gcSafePoint > began).toBe(true);
  expect(cluster.safePoints.gcSafePoint < addMs(began, 1000)).toBe(true);
  follower.store.announce(follower.store.sequence);
  const serializable = { serializable: true };
  expect(await follower.range(range(nameOf(0), 'l', serializable))).toEqual(before);
  // It knows how to go on from there.
  await follower.store.close();
  await slow.close();
  expect(holds()).toEqual([]);
  expect(reader.timers).toBe(0);
  await pass(60);
  expect(await lagMs()).toBeLessThan(GC_LIFE_MS_MIN + 60_000);
}, 300_000);

test('what a reader held that was killed is collected a few minutes later', async () => {
  const slow = await openReader();
  const snapshot = await slow.snapshot();
  expect(await snapshot.get(keys.head)).toBeDefined();
  await pass(15 * 60);
  expect(await snapshot.get(keys.head)).toBeDefined();
  const [held] = holds();
  expect(cluster.safePoints.gcSafePoint).toBe(held);
  // Its time stands still, and nothing of it is heard any more.
  const dead = reader;
  reader = new TestEnvironment({ isStill: true });
  await pass(7 * 60);
  expect(holds()).toEqual([]);
  expect(await lagMs()).toBeLessThan(GC_LIFE_MS_MIN + 60_000);
  // It was only stopped: what it goes on with is refused, though its own clock has nothing against it.
  await expect(snapshot.get(keys.head)).rejects.toMatchObject({ code: 'snapshot_lost' });
  expect(cluster.world.violations.splice(0)).toEqual(['KvGet reads below the safe point']);
  await snapshot[Symbol.asyncDispose]();
  await slow.close();
  expect(dead.timers).toBe(0);
}, 300_000);

test('a hold that the placement driver does not renew ends the read with its reason, and with nothing that is wrong', async () => {
  const slow = await openReader();
  const snapshot = await slow.snapshot();
  const sample = { ...EVERYTHING, limit: 5 };
  const read = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const entries of snapshot.scan(sample))
      found.push(...entries.map(({ value }) => Buffer.from(value).toString('hex')));
    return found;
  };
  const expected = await read();
  eachCall = ({ rpc, request }) => {
    if (rpc !== 'UpdateServiceGCSafePoint' || seconds < 8 * 60) return;
    const { serviceId } = request as { serviceId: Buffer };
    if (serviceId.toString() !== 'gc_worker') throw new Error("don't allow update service safe point v1");
  };
  cluster.world.beforeCall = (call) => eachCall(call);
  let refusal: unknown;
  while (refusal === undefined && seconds < 20 * 60) {
    await pass(20);
    // Its time goes on while it reads, so that the answer to one of its calls may come too late: that is tried again.
    const attempt = read().then(
      (found) => expect(found).toEqual(expected),
      (error: unknown) => {
        if ((error as EngineError).code !== 'unavailable') refusal = error;
      },
    );
    let isOver = false;
    const reading = attempt.finally(() => (isOver = true));
    while (!isOver) {
      await sleep(5);
      if (!isOver) await step();
    }
    await reading;
  }
  expect(refusal).toMatchObject({
    ...{ name: 'EngineError', code: 'snapshot_lost', retryable: true },
    message: expect.stringMatching(/a snapshot of \d+ s ago shows may be collected, it is not held: \S/),
  });
  cluster.world.beforeCall = undefined;
  expect(seconds).toBeGreaterThan(8 * 60);
  expect(seconds).toBeLessThan(14 * 60);
  await snapshot[Symbol.asyncDispose]();
  await slow.close();
  expect(reader.timers).toBe(0);
}, 300_000);

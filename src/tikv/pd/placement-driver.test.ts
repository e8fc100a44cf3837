/**
 * Goal: callers get what they asked for, once, whatever happens to the members. Method: the fake, whose members stop,
 * lose the lead, lie and hang on demand.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TestEnvironment } from '../../../test/support/tikv/environment.ts';
import { FakeCluster } from '../../../test/support/tikv/fake/fake-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import type { Cancel } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { SERVICE_TTL_FOREVER, type PlacementDriver } from './pd.ts';
import { openPlacementDriver } from './placement-driver.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const EMPTY = Buffer.alloc(0);
const PATIENCE_MS = 20_000;
/** Looks often: an answer is given up after three seconds. */
const soon = { timeout: PATIENCE_MS, interval: 5 };

let cluster: FakeCluster;
let environment: TestEnvironment;
let pd: PlacementDriver;

const backoff = (budgetMs = 10_000, signal?: AbortSignal): Backoff =>
  new Backoff(environment, budgetMs, signal);
const open = (endpoints: readonly string[], budgetMs = 10_000): Promise<PlacementDriver> =>
  openPlacementDriver({ endpoints, environment, backoff: backoff(budgetMs) });
const callsOf = async (rpc: string): Promise<number> => (await cluster.calls())[rpc] ?? 0;
const lead = async (member: number): Promise<void> => cluster.pdLead(member);
const timestamps = (count: number): Promise<bigint[]> =>
  Promise.all(Array.from({ length: count }, () => pd.timestamp(backoff())));

/** Sorted, and no two the same. */
function isGrowing(values: readonly bigint[]): boolean {
  return values.every((value, i) => i === 0 || value > values[i - 1]!);
}

beforeEach(async () => {
  cluster = await FakeCluster.start({ stores: 3, placementDrivers: 3 });
  environment = new TestEnvironment();
  pd = await open(cluster.pd);
});

afterEach(async () => {
  await pd.close();
  await cluster.close();
  expect(cluster.violations()).toEqual([]);
  expect(environment.timers).toBe(0);
});

describe('members', () => {
  test('the cluster id is that of the members', () => {
    expect(pd.clusterId).toBe(cluster.world.clusterId);
  });

  test.each(['http://', 'https://', ''])('endpoints may begin with "%s"', async (scheme) => {
    const other = await open(cluster.pd.map((address) => `${scheme}${address}/`));
    expect(await other.timestamp()).toBeGreaterThan(0n);
    await other.close();
  });

  test.each(['', 'localhost', 'a b:1', 'http://', 'unix:/tmp/x'])('"%s" is no endpoint', async (endpoint) => {
    await expect(open([endpoint])).rejects.toMatchObject({ code: 'invalid' });
  });

  test('one endpoint is enough, and need not be the leader', async () => {
    await lead(2);
    const other = await open([cluster.pd[1]!]);
    expect(await other.timestamp()).toBeGreaterThan(0n);
    await other.close();
  });

  test('one endpoint that answers is enough', async () => {
    await cluster.pdStop(0);
    await lead(1);
    const other = await open(['127.0.0.1:1', cluster.pd[0]!, cluster.pd[2]!]);
    expect(await other.timestamp()).toBeGreaterThan(0n);
    await other.close();
  });

  test('without any that answers it is unavailable when the budget is used up, and leaves nothing', async () => {
    const timers = environment.timers;
    await expect(open(['127.0.0.1:1'], 300)).rejects.toMatchObject({ code: 'unavailable' });
    expect(environment.timers).toBe(timers);
  });

  test('it waits for a leader', async () => {
    await lead(-1);
    const opening = open(cluster.pd);
    setTimeout(() => void lead(1), 100);
    const other = await opening;
    expect(await other.timestamp()).toBeGreaterThan(0n);
    await other.close();
  });

  test('members that nobody named at first are found when those that were have gone', async () => {
    const other = await open([cluster.pd[0]!]);
    await cluster.pdStop(0);
    await lead(1);
    expect(await other.timestamp(backoff())).toBeGreaterThan(0n);
    await other.close();
  });

  test('another cluster that took over an address counts for nothing', async () => {
    const stranger = await FakeCluster.start({ stores: 1, placementDrivers: 1 });
    Object.assign(stranger.world, { clusterId: 99n });
    await stranger.pdStop(0);
    const other = await open([cluster.pd[0]!, stranger.pd[0]!]);
    await stranger.pdStart(0);
    await cluster.pdStop(0);
    await lead(-1);
    setTimeout(() => void lead(1), 100);
    expect(await other.store(3n, backoff())).toMatchObject({ id: 3n, state: 'up' });
    expect(await stranger.calls()).not.toHaveProperty('GetStore');
    await other.close();
    await stranger.close();
  });

  test('they are asked again every minute', async () => {
    const time = new VirtualTime();
    // Calls take real time; only what is far away waits for the virtual one.
    const after = (delayMs: number, run: () => void): Cancel =>
      delayMs < 60_000 ? environment.scheduler.after(delayMs, run) : time.after(delayMs, run);
    const scheduler = { soon: (run: () => void) => time.soon(run), after };
    const other = await openPlacementDriver({
      endpoints: cluster.pd,
      environment: { ...environment, clock: environment.clock, scheduler },
    });
    const idle = environment.timers;
    for (let minutes = 1; minutes <= 2; minutes++) {
      const before = await callsOf('GetMembers');
      await time.advance(60_000);
      await vi.waitFor(async () => expect(await callsOf('GetMembers')).toBeGreaterThan(before), PATIENCE_MS);
      // Then the round has ended, and the next one is one of its own.
      await vi.waitFor(() => expect(environment.timers).toBe(idle), PATIENCE_MS);
    }
    await other.close();
    expect(time.timerCount).toBe(0);
  });
});

describe('a change of the leader', () => {
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    timestamp: () => pd.timestamp(backoff()),
    region: () => pd.region(bytes('k'), backoff()),
    previousRegion: () => pd.previousRegion(bytes('k'), backoff()),
    regions: () => pd.regions({ start: EMPTY, end: EMPTY, limit: 10 }, backoff()),
    store: () => pd.store(1n, backoff()),
    gcSafePoint: () => pd.gcSafePoint(),
    updateGcSafePoint: () => pd.updateGcSafePoint(0n),
    updateServiceSafePoint: () =>
      pd.updateServiceSafePoint({ serviceId: 'a', ttlSeconds: 9n, safePoint: 1n }),
  };

  test.each(Object.keys(calls))('is followed by %s', async (name) => {
    await calls[name]?.();
    await lead(2);
    await calls[name]?.();
    await cluster.pdStop(2);
    await lead(1);
    await calls[name]?.();
  });

  test.each([
    ['store', 'GetStore'],
    ['region', 'GetRegion'],
    ['gcSafePoint', 'GetGCSafePoint'],
  ])('an error in the header of %s is not taken for an answer', async (name, rpc) => {
    await cluster.fault({ kind: 'pd-error', rpc });
    await calls[name]?.();
    expect(await callsOf(rpc)).toBe(2);
  });

  test('a member that hangs is left after its time', async () => {
    await cluster.fault({ kind: 'hang-after', rpc: 'GetStore' });
    expect(await pd.store(1n, backoff(20_000))).toMatchObject({ id: 1n });
  });

  test('the signal ends a call that hangs', async () => {
    await cluster.fault({ kind: 'hang-after', rpc: 'GetStore' });
    const abort = new AbortController();
    const call = pd.store(1n, backoff(20_000, abort.signal));
    setTimeout(() => abort.abort(), 50);
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
  });

  test('a call that its caller ends, or has no time for, says nothing against the leader', async () => {
    await pd.timestamp();
    const asked = await callsOf('GetMembers');
    await cluster.fault({ kind: 'hang-after', rpc: 'GetStore', count: 2 });
    const abort = new AbortController();
    const ended = pd.store(1n, backoff(20_000, abort.signal));
    const hurried = pd.store(2n, backoff(100));
    setTimeout(() => abort.abort(), 50);
    await expect(ended).rejects.toMatchObject({ code: 'aborted' });
    await expect(hurried).rejects.toMatchObject({ code: 'unavailable' });
    expect(await pd.timestamp()).toBeGreaterThan(0n);
    expect(await callsOf('GetMembers')).toBe(asked);
  });

  test('without a leader a call is unavailable when the budget is used up', async () => {
    await lead(-1);
    await expect(pd.timestamp(backoff(300))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(pd.store(1n, backoff(300))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('timestamps', () => {
  test('waiters of one turn share a request and get timestamps of their own, in order', async () => {
    await pd.timestamp();
    const before = cluster.world.recorded.filter(({ rpc }) => rpc === 'Tso').length;
    const all = await timestamps(500);
    expect(isGrowing(all)).toBe(true);
    expect(cluster.world.recorded.filter(({ rpc }) => rpc === 'Tso').length).toBe(before + 1);
  });

  test('whoever asks after another was answered gets a larger one', async () => {
    let last = 0n;
    for (let i = 0; i < 50; i++) {
      const [a, b] = await Promise.all([pd.timestamp(), pd.timestamp()]);
      expect(isGrowing([last, a, b])).toBe(true);
      last = b;
    }
  });

  test('requests are on their way together', async () => {
    await pd.timestamp();
    await cluster.fault({ kind: 'delay', rpc: 'Tso', delayMs: 600_000 });
    const before = cluster.world.timestampRequests;
    const first = pd.timestamp();
    await vi.waitFor(() => expect(cluster.world.timestampRequests).toBe(before + 1), soon);
    const second = pd.timestamp();
    // While the first one is not answered.
    await vi.waitFor(() => expect(cluster.world.timestampRequests).toBe(before + 2), soon);
    cluster.world.hurry();
    expect(isGrowing([await first, await second])).toBe(true);
  });

  test('a stream that breaks refuses nobody: all ask again', async () => {
    await pd.timestamp();
    for (let i = 0; i < 5; i++) {
      await cluster.fault({ kind: 'tso-broken', rpc: 'Tso' });
      const all = await timestamps(100);
      expect(new Set(all).size).toBe(100);
    }
  });

  test('they grow over changes of the leader under load', async () => {
    let isDone = false;
    const seen = new Set<bigint>();
    const caller = async (): Promise<void> => {
      let last = 0n;
      while (!isDone) {
        const next = await pd.timestamp(backoff());
        if (next <= last || seen.has(next)) throw new Error(`${next} came after ${last}, or twice`);
        seen.add(next);
        last = next;
      }
    };
    const callers = Promise.all(Array.from({ length: 8 }, caller));
    const work = async (): Promise<void> => {
      for (const member of [1, 2, 0, 2]) {
        const enough = seen.size + 50;
        await vi.waitFor(() => expect(seen.size).toBeGreaterThan(enough), PATIENCE_MS);
        await lead(member);
      }
    };
    // Callers end only when they fail.
    await Promise.race([work(), callers]);
    isDone = true;
    await callers;
  });

  test('one that goes back is refused, and the next is asked anew', async () => {
    const before = await pd.timestamp();
    await cluster.fault({ kind: 'tso-back', rpc: 'Tso' });
    await expect(pd.timestamp(backoff())).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(await pd.timestamp(backoff())).toBeGreaterThan(before);
  });

  test('a member that does not answer is left after its time, and its late answer counts for nothing', async () => {
    await pd.timestamp();
    await cluster.fault({ kind: 'delay', rpc: 'Tso', delayMs: 3500 });
    const all = (await timestamps(3)).sort((a, b) => (a < b ? -1 : 1));
    expect(isGrowing(all)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await pd.timestamp()).toBeGreaterThan(all[2]!);
  });

  test('a caller waits no longer than its budget, for a timestamp and for the members', async () => {
    await pd.timestamp();
    await cluster.fault({ kind: 'delay', rpc: 'Tso', delayMs: 6000 });
    await cluster.fault({ kind: 'delay', rpc: 'GetMembers', count: 9, delayMs: 6000 });
    const startedMs = performance.now();
    const patient = pd.timestamp(backoff(20_000));
    await expect(pd.timestamp(backoff(100))).rejects.toMatchObject({ code: 'unavailable' });
    await lead(1);
    await expect(pd.store(1n, backoff(200))).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(await patient).toBeGreaterThan(0n);
  });

  test('the signal ends the wait of one caller alone', async () => {
    await pd.timestamp();
    await cluster.fault({ kind: 'delay', rpc: 'Tso', delayMs: 200 });
    const abort = new AbortController();
    const [aborted, patient] = [pd.timestamp(backoff(5000, abort.signal)), pd.timestamp(backoff(5000))];
    setTimeout(() => abort.abort(), 20);
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    const closing = new AbortController();
    const ended = pd.timestamp(backoff(5000, closing.signal));
    closing.abort(new TikvError('closed', 'The client is closed'));
    await expect(ended).rejects.toMatchObject({ code: 'closed' });
    expect(await patient).toBeGreaterThan(0n);
  });
});

describe('regions', () => {
  beforeEach(async () => {
    for (const key of ['b', 'd', 'long-enough-for-two-groups']) await cluster.split(bytes(key));
  });

  test.each([
    ['', '', 'b'],
    ['a', '', 'b'],
    ['b', 'b', 'd'],
    ['czzz', 'b', 'd'],
    ['long-enough-for-two-groupr', 'd', 'long-enough-for-two-groups'],
    ['z', 'long-enough-for-two-groups', ''],
  ])('"%s" is in ["%s", "%s")', async (key, start, end) => {
    const region = await pd.region(bytes(key), backoff());
    expect([region.start, region.end]).toEqual([bytes(start), bytes(end)]);
    expect(region.peers).toContain(region.leader);
    expect(region.peers).toHaveLength(3);
  });

  test.each([
    ['a', '', 'b'],
    ['b', '', 'b'],
    ['b\0', 'b', 'd'],
    ['d', 'b', 'd'],
    ['z', 'long-enough-for-two-groups', ''],
    ['', 'long-enough-for-two-groups', ''],
  ])('just below "%s" is ["%s", "%s")', async (key, start, end) => {
    const region = await pd.previousRegion(bytes(key), backoff());
    expect([region.start, region.end]).toEqual([bytes(start), bytes(end)]);
  });

  test('the last region is found behind keys of 0xff', async () => {
    const high = Buffer.alloc(100, 0xff);
    await cluster.split(high);
    const region = await pd.previousRegion(EMPTY, backoff());
    expect([region.start, region.end]).toEqual([high, EMPTY]);
  });

  test('regions come without gaps, bounded by end and limit', async () => {
    const starts = async (start: string, end: string, limit: number): Promise<string[]> => {
      const found = await pd.regions({ start: bytes(start), end: bytes(end), limit }, backoff());
      return found.map((region) => String(region.start));
    };
    expect(await starts('', '', 10)).toEqual(['', 'b', 'd', 'long-enough-for-two-groups']);
    expect(await starts('c', '', 2)).toEqual(['b', 'd']);
    expect(await starts('a', 'd', 10)).toEqual(['', 'b']);
  });

  test('a region without a leader is waited for', async () => {
    const [region] = await cluster.regions();
    await cluster.transfer(region?.id ?? 0n, 0n);
    setTimeout(() => void cluster.transfer(region?.id ?? 0n, 2n), 100);
    expect((await pd.region(EMPTY, backoff())).leader.storeId).toBe(2n);
  });

  test('regions end before one without a leader', async () => {
    const region = (await cluster.regions())[2];
    await cluster.transfer(region?.id ?? 0n, 0n);
    const found = await pd.regions({ start: EMPTY, end: EMPTY, limit: 10 }, backoff());
    expect(found.map(({ start }) => String(start))).toEqual(['', 'b']);
    await expect(pd.region(bytes('e'), backoff(200))).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('an answer from before a split is good for what it holds', async () => {
    await cluster.split(bytes('x'));
    await cluster.fault({ kind: 'pd-stale', rpc: 'GetRegion' });
    const region = await pd.region(bytes('y'), backoff());
    expect(String(region.start) <= 'y').toBe(true);
  });
});

describe('stores and safe points', () => {
  test('a store has its address', async () => {
    const store = await pd.store(2n, backoff());
    expect(store).toMatchObject({ id: 2n, state: 'up' });
    expect(store.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('a store that nobody knows is gone', async () => {
    expect(await pd.store(77n, backoff())).toEqual({ id: 77n, address: '', state: 'tombstone' });
  });

  test('the smallest safe point of all services counts', async () => {
    const claim = (serviceId: string, safePoint: bigint, ttlSeconds: bigint): Promise<bigint> =>
      pd.updateServiceSafePoint({ serviceId, safePoint, ttlSeconds });
    const [early, late] = [await pd.timestamp(), await pd.timestamp()];
    expect(await claim('backup', early, 60n)).toBeLessThanOrEqual(early);
    expect(await claim('gc_worker', late, SERVICE_TTL_FOREVER)).toBeLessThanOrEqual(early);
    await claim('backup', early, 0n);
    expect(await claim('gc_worker', late, SERVICE_TTL_FOREVER)).toBe(late);
    expect(await pd.updateGcSafePoint(late)).toBe(late);
    expect(await pd.gcSafePoint()).toBe(late);
  });
});

describe('close', () => {
  test('refuses whoever waits and whoever comes later', async () => {
    await cluster.fault({ kind: 'hang-after', rpc: 'GetStore' });
    await cluster.fault({ kind: 'delay', rpc: 'Tso', delayMs: 500 });
    const waiting = [pd.timestamp(), pd.store(1n, backoff())];
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pd.close();
    for (const call of [...waiting, pd.timestamp(), pd.region(EMPTY, backoff())]) {
      await expect(call).rejects.toMatchObject({ code: 'closed' });
    }
  });
});

/** Goal: each promise of `SnapshotKeeper`. Method: virtual time, and the safe points of the fake placement driver on its clock. */
import { expect, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { Oracle } from '../oracle.ts';
import type { PlacementDriver, ServiceSafePoint } from '../pd/pd.ts';
import type { Session } from '../session.ts';
import { addMs } from '../timestamp.ts';
import { Oracle as FakeOracle } from '../../../test/support/tikv/fake/oracle.ts';
import { SafePoints } from '../../../test/support/tikv/fake/safe-points.ts';
import { Topology } from '../../../test/support/tikv/fake/topology.ts';
import { World } from '../../../test/support/tikv/fake/world.ts';
import { virtualEnvironment } from '../../../test/support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { collectGarbage } from './collect.ts';
import { SnapshotKeeper } from './keeper.ts';

const minuteMs = 60_000;
const lifeMs = 10 * minuteMs;
const callMs = 5;

/** What may go wrong with a claim: nobody answers, or it is taken and nobody says so. */
type Trouble = 'unreachable' | 'unanswered';

function setUp() {
  const time = new VirtualTime();
  const topology = new Topology([1n]);
  const world = new World(topology, [1n], new FakeOracle(() => 1_700_000_000_000 + time.nowMs()));
  const safePoints = new SafePoints(world);
  const claims: ServiceSafePoint[] = [];
  const lines: string[] = [];
  let ids = 0n;
  const environment = {
    ...virtualEnvironment(time),
    random: { next: () => 0.5, next63: () => ++ids },
    logger: { ...silentLogger, warn: (line: string) => void lines.push(line) },
  };

  /** One process: its session, and what goes wrong between it and the placement driver. */
  function node() {
    const state: { trouble?: Trouble | undefined } = {};
    const closing = new AbortController();
    const asked = async <T>(answer: () => T): Promise<T> => {
      await time.sleep(callMs);
      if (state.trouble === 'unreachable') throw new TikvError('unavailable', 'nobody there');
      const found = answer();
      if (state.trouble === 'unanswered') throw new TikvError('unavailable', 'no answer');
      return found;
    };
    const pd = {
      timestamp: () => asked(() => world.oracle.next()),
      gcSafePoint: () => asked(() => safePoints.gcSafePoint),
      updateGcSafePoint: (safePoint: bigint) => asked(() => safePoints.advance(safePoint)),
      updateServiceSafePoint: (request: ServiceSafePoint) => {
        if (request.serviceId !== 'gc_worker') claims.push(request);
        return asked(() => safePoints.claim({ ...request, service: request.serviceId }).minSafePoint);
      },
    } as unknown as PlacementDriver;
    const regions = {
      locate: async () => ({ end: Buffer.alloc(0) }),
      send: async () => ({ kind: 'answered', response: { error: undefined, locks: [] } }),
    };
    const session = {
      ...{ environment, pd, regions, oracle: new Oracle(pd, time) },
      readBackoff: (budgetMs: number, signal?: AbortSignal) => {
        if (closing.signal.aborted) throw new TikvError('closed', 'The client is closed');
        return new Backoff(environment, budgetMs, signal);
      },
      writeBackoff: (budgetMs: number) => new Backoff(environment, budgetMs),
    } as unknown as Session;
    const keeper = new SnapshotKeeper(session, { name: 'engram/a b' });
    const snapshot = async () => {
      const sinceMs = time.nowMs();
      const timestamp = await pd.timestamp();
      return { timestamp, ...keeper.keep(timestamp, sinceMs) };
    };
    return { state, closing, session, keeper, snapshot };
  }

  const collector = node();
  /** Lets so many minutes pass, and garbage be collected at the end of each, as somebody does who knows the rules. */
  async function minutes(count: number, each?: () => void): Promise<void> {
    for (let left = count; left > 0; left--) {
      await time.advance(minuteMs);
      await time.run(collectGarbage(collector.session, { lifeMs }));
      each?.();
    }
  }
  const held = (): bigint[] =>
    [...safePoints.claims].flatMap(([service, point]) => (service === 'gc_worker' ? [] : [point]));
  const lagMs = (): number => Number((world.oracle.next() - safePoints.gcSafePoint) >> 18n);
  return { time, world, safePoints, claims, lines, held, lagMs, node, minutes };
}

test('a short read claims nothing, however many there are', async () => {
  const { time, claims, node } = setUp();
  const { snapshot, keeper } = node();
  for (let at = 0; at < 100; at++) {
    const kept = await time.run(snapshot());
    await time.advance(50_000);
    kept.verify();
    kept.release();
  }
  expect(claims).toEqual([]);
  await time.run(keeper.stop());
  expect(time.timerCount).toBe(0);
});

test('a read of hours is held from its first minute to its end, and garbage is collected up to it', async () => {
  const { time, safePoints, claims, held, lagMs, node, minutes } = setUp();
  const { snapshot } = node();
  const kept = await time.run(snapshot());
  await minutes(180, () => kept.verify());
  expect(held()).toEqual([kept.timestamp]);
  expect(safePoints.gcSafePoint).toBe(kept.timestamp);
  expect(claims.length).toBeGreaterThan(170);
  expect(claims.length).toBeLessThan(190);
  expect(new Set(claims.map(({ serviceId }) => serviceId))).toEqual(new Set(['engram_a_b-1']));
  kept.release();
  await time.advance(1000);
  expect(held()).toEqual([]);
  expect(claims.at(-1)).toMatchObject({ serviceId: 'engram_a_b-1', ttlSeconds: 0n });
  await minutes(1);
  expect(lagMs()).toBeLessThan(lifeMs + minuteMs);
  expect(time.timerCount).toBe(0);
});

test('the oldest of several reads is held; after it the next one; the next hold has an id of its own', async () => {
  const { time, claims, held, node, minutes } = setUp();
  const { snapshot, keeper } = node();
  const first = await time.run(snapshot());
  await minutes(15);
  const second = await time.run(snapshot());
  await minutes(15);
  expect(held()).toEqual([first.timestamp]);
  first.release();
  first.release();
  await minutes(15, () => second.verify());
  expect(held()).toEqual([second.timestamp]);
  second.release();
  await minutes(1);
  expect(held()).toEqual([]);
  const third = await time.run(snapshot());
  await minutes(15, () => third.verify());
  expect(held()).toEqual([third.timestamp]);
  expect(claims.at(-1)?.serviceId).toBe('engram_a_b-2');
  await time.run(keeper.stop());
  expect(held()).toEqual([]);
  expect(time.timerCount).toBe(0);
});

test('two nodes hold each for itself', async () => {
  const { time, held, node, minutes } = setUp();
  const [one, other] = [node(), node()];
  const younger = await time.run(one.snapshot());
  await minutes(3);
  const youngest = await time.run(other.snapshot());
  await minutes(20, () => [younger, youngest].forEach((kept) => kept.verify()));
  younger.release();
  await minutes(20, () => youngest.verify());
  expect(held()).toEqual([youngest.timestamp]);
});

test('what a process held that was killed is collected once its hold has expired', async () => {
  const { time, held, lagMs, node, minutes } = setUp();
  const { snapshot, state } = node();
  const kept = await time.run(snapshot());
  await minutes(20, () => kept.verify());
  // Nothing of it comes through any more.
  state.trouble = 'unreachable';
  await minutes(3);
  expect(held()).toEqual([kept.timestamp]);
  await minutes(3);
  expect(held()).toEqual([]);
  expect(lagMs()).toBeLessThan(lifeMs + minuteMs);
});

test('while nobody answers, a hold is counted upon for less than it lasts; then reads are refused and say why', async () => {
  const { time, lines, safePoints, node, minutes } = setUp();
  const { snapshot, state } = node();
  const kept = await time.run(snapshot());
  await minutes(20);
  state.trouble = 'unreachable';
  let refusal: unknown;
  for (let second = 0; refusal === undefined; second++) {
    await time.advance(1000);
    try {
      kept.verify();
    } catch (error) {
      refusal = error;
      expect(second).toBeGreaterThan(3 * 60);
      expect(second).toBeLessThan(4.5 * 60);
    }
  }
  expect(refusal).toMatchObject({
    code: 'snapshot_too_old',
    message: expect.stringMatching(/1[45]\d\d s ago.*not held.*nobody there/),
    cause: { message: 'nobody there' },
  });
  expect(safePoints.gcSafePoint <= kept.timestamp).toBe(true);
  expect(lines).toHaveLength(1);
  // Nothing was collected before somebody answers: it goes on.
  state.trouble = undefined;
  await time.advance(11_000);
  kept.verify();
  await minutes(10, () => kept.verify());
  // It was: it is over for good, but only for those from before.
  state.trouble = 'unreachable';
  const newer = await time.run(node().snapshot());
  await minutes(7);
  expect(safePoints.gcSafePoint > kept.timestamp).toBe(true);
  state.trouble = undefined;
  await time.advance(11_000);
  expect(() => kept.verify()).toThrow(/may be collected: the placement driver keeps nothing below/);
  newer.verify();
});

test('a claim that is not taken ends only the reads that are too old for it', async () => {
  const { time, safePoints, held, lines, node, minutes } = setUp();
  const { snapshot, keeper, state } = node();
  const lost = await time.run(snapshot());
  state.trouble = 'unreachable';
  await minutes(4);
  state.trouble = undefined;
  const kept = await time.run(snapshot());
  state.trouble = 'unreachable';
  await minutes(8);
  expect(safePoints.gcSafePoint > lost.timestamp && safePoints.gcSafePoint < kept.timestamp).toBe(true);
  state.trouble = undefined;
  await minutes(20, () => kept.verify());
  expect(() => lost.verify()).toThrow(TikvError);
  expect(held()).toEqual([kept.timestamp]);
  expect(lines.at(-1)).toBe('a long read of TiKV has lost its snapshot');
  kept.release();
  await minutes(1);
  expect(held()).toEqual([]);
  await time.run(keeper.stop());
});

test('a claim whose answer got lost is withdrawn like any other, at the end of the read or of the keeper', async () => {
  for (const how of ['release', 'stop'] as const) {
    const { time, held, node, minutes } = setUp();
    const { snapshot, keeper, state } = node();
    const kept = await time.run(snapshot());
    state.trouble = 'unanswered';
    await minutes(2);
    expect(held()).toEqual([kept.timestamp]);
    state.trouble = undefined;
    if (how === 'release') kept.release();
    await (how === 'stop' ? time.run(keeper.stop()) : time.advance(20_000));
    expect(held()).toEqual([]);
    expect(time.timerCount).toBe(0);
  }
});

test('a keeper that cannot withdraw says so and ends; a closed client claims nothing', async () => {
  const { time, held, lines, claims, node, minutes } = setUp();
  const { snapshot, keeper, state, closing } = node();
  const kept = await time.run(snapshot());
  await minutes(2);
  closing.abort();
  state.trouble = 'unreachable';
  const asked = claims.length;
  await minutes(2);
  expect(claims).toHaveLength(asked);
  expect(lines).toEqual([]);
  await time.run(keeper.stop());
  expect(lines).toEqual(['cannot withdraw the hold of a long read of TiKV, which ends by itself']);
  expect(held()).toEqual([kept.timestamp]);
  await minutes(6);
  expect(held()).toEqual([]);
  expect(time.timerCount).toBe(0);
});

test('nobody holds the garbage of a cluster for more than a day', async () => {
  const { time, held, node, minutes } = setUp();
  const { snapshot } = node();
  const kept = await time.run(snapshot());
  await time.advance((24 * 60 - 1) * minuteMs);
  kept.verify();
  await minutes(2);
  expect(() => kept.verify()).toThrow(/it has been read for 24 hours/);
  expect(held()).toEqual([]);
  expect(time.timerCount).toBe(0);
});

test('a read at an older timestamp than the hold is at is not held by it until the next round', async () => {
  const { time, held, node, minutes } = setUp();
  const { snapshot, keeper } = node();
  const kept = await time.run(snapshot());
  await minutes(2);
  const older = addMs(kept.timestamp, -1000);
  const second = keeper.keep(older, time.nowMs() - 6 * minuteMs);
  expect(() => second.verify()).toThrow(/not held/);
  await time.advance(minuteMs);
  second.verify();
  expect(held()).toEqual([older]);
});

import { afterEach, expect, test } from 'vitest';
import type { FaultKind } from '../support/tikv/cluster.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { disturb } from './disturbance.ts';

type Met = FaultKind | undefined;
/** Answers what one call meets. */
type Call = (rpc: string) => Met;

const runMs = 20_000;
const stepMs = 15;
const cuts = ['b', 'c', 'd'].map((key) => Buffer.from(key));
/** One fault for the rpc and one for any call may wait, and as many come while these are met. */
const streakMax = 4;
const storeRpcs = [
  ...['KvPrewrite', 'KvCommit', 'KvGet', 'KvScan', 'KvCheckTxnStatus', 'KvResolveLock', 'KvBatchRollback'],
];

let cluster: FakeCluster | undefined;

afterEach(async () => {
  await cluster?.close();
});

/** Pauses end one by one, when it is said. */
class Pauses {
  #end: (() => void) | undefined;

  readonly pause = (): Promise<void> => new Promise((resolve) => (this.#end = resolve));

  async endNext(): Promise<void> {
    while (this.#end === undefined) await new Promise((resolve) => setImmediate(resolve));
    const end = this.#end;
    this.#end = undefined;
    end();
  }
}

/** Disturbs for `runMs` that take no time; calls are made every so often, and at the end. */
async function disturbed(
  everyMs: number,
  each: (call: Call) => void,
  atEnd: (call: Call) => void = () => undefined,
): Promise<void> {
  cluster = await FakeCluster.start();
  const { faults } = cluster.world;
  const call: Call = (rpc) => faults.next(rpc, 1n)?.kind;
  const pauses = new Pauses();
  const disturbance = disturb(cluster, cuts, { pause: pauses.pause });
  let dueMs = 0;
  for (let ms = 0; ms < runMs; ms += stepMs) {
    await pauses.endNext();
    for (dueMs += stepMs; dueMs >= everyMs; dueMs -= everyMs) each(call);
  }
  atEnd(call);
  const stopped = disturbance.stop();
  await pauses.endNext();
  await stopped;
  expect(faults.waiting).toBe(0);
}

/** The most calls in a row that met a fault. */
function longestStreak(met: readonly Met[]): number {
  let longest = 0;
  let streak = 0;
  for (const kind of met) {
    streak = kind === undefined ? 0 : streak + 1;
    longest = Math.max(longest, streak);
  }
  return longest;
}

test('who calls seldom, because it waits after each fault, is answered all the same', async () => {
  const met: Met[] = [];
  await disturbed(500, (call) => met.push(call('KvCheckTxnStatus')));
  expect(met.filter((kind) => kind !== undefined)).not.toEqual([]);
  expect(longestStreak(met)).toBeLessThanOrEqual(streakMax);
});

test('faults for an rpc that nobody calls do not wait for its next calls in a row', async () => {
  const met: Met[] = [];
  await disturbed(
    5,
    (call) => call('KvGet'),
    (call) => {
      for (let at = 0; at < 40; at++) met.push(call('KvCheckTxnStatus'));
    },
  );
  expect(longestStreak(met)).toBeLessThanOrEqual(streakMax);
});

test('who calls often meets every kind of fault, and many of them', async () => {
  const met: Met[] = [];
  await disturbed(5, (call) => met.push(...[...storeRpcs, 'Tso', 'GetRegion'].map(call)));
  const kinds = met.filter((kind) => kind !== undefined);
  expect([...new Set(kinds)].sort()).toEqual([
    ...['busy', 'delay', 'drop-after', 'drop-before', 'epoch', 'epoch-with-regions', 'late'],
    ...['max-ts-not-synced', 'no-1pc', 'no-leader', 'not-leader', 'pd-stale', 'region-not-found'],
    ...['stale-command', 'tso-broken', 'undetermined'],
  ]);
  // Every 15 ms something is done, and more than a third of that are faults.
  expect(kinds.length).toBeGreaterThan(runMs / 15 / 3);
});

import { SeededRandom } from '../../src/base/index.ts';
import type { Fault, FaultKind, TestCluster } from '../support/tikv/cluster.ts';
import { mayMeet } from '../support/tikv/fake/fault-plan.ts';

const everyMs = 15;
/** At least so many calls that a fault can meet come between two faults that can meet them. */
const callsBetween = 4;
const lossKinds: readonly FaultKind[] = [
  'drop-before',
  'drop-after',
  'undetermined',
  'stale-command',
  'late',
];
const regionKinds: readonly FaultKind[] = [
  ...([
    'not-leader',
    'no-leader',
    'epoch',
    'epoch-with-regions',
    'region-not-found',
    'busy',
    'no-1pc',
  ] as const),
  ...(['max-ts-not-synced', 'pd-stale', 'tso-broken', 'delay'] as const),
];
/** They meet only some of a store's calls, or none. */
const narrowKinds: ReadonlySet<FaultKind> = new Set(['no-1pc', 'pd-stale', 'tso-broken']);
const rpcs = [
  'KvPrewrite',
  'KvCommit',
  'KvGet',
  'KvScan',
  'KvCheckTxnStatus',
  'KvResolveLock',
  'KvBatchRollback',
];

export interface Disturbance {
  /** How many things were done. */
  readonly count: number;
  stop(): Promise<void>;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Splits, merges, moves and loses, as far as the cluster can, until it is stopped. `pause` is what it does between two such
 * things.
 */
export function disturb(
  cluster: TestCluster,
  splitKeys: readonly Buffer[],
  { seed = 1, pause = sleep } = {},
): Disturbance {
  const random = new SeededRandom(seed);
  let isStopped = false;
  let count = 0;
  const losses = lossKinds.filter((kind) => cluster.can(kind));
  const refusals = regionKinds.filter((kind) => cluster.can(kind));
  const pace = new Pace(cluster);
  async function once(): Promise<void> {
    if (cluster.can('regions')) await any();
    else await cluster.split(random.pick(splitKeys));
    count++;
  }
  async function any(): Promise<void> {
    const regions = await cluster.regions();
    const { id } = random.pick(regions);
    const what = random.int(0, 5);
    if (what <= 1) await cluster.split(random.pick(splitKeys));
    else if (what === 2 && regions.at(-1)?.id !== id) await cluster.merge(id);
    else if (what === 3) await cluster.transfer(id, random.pick(await cluster.stores()));
    else if (what === 4 && losses.length > 0) {
      await fail({ kind: random.pick(losses), rpc: random.pick(rpcs), delayMs: random.int(0, 30) });
    } else if (refusals.length > 0) {
      await fail({ kind: random.pick(refusals), delayMs: random.int(0, 30) });
    }
  }
  async function fail(fault: Fault): Promise<void> {
    if (await pace.allows(fault)) await cluster.fault(fault);
  }
  const done = (async () => {
    while (!isStopped) {
      await once();
      await pause(everyMs);
    }
  })();
  return {
    get count() {
      return count;
    },
    async stop() {
      isStopped = true;
      await done;
      await cluster.clearFaults();
    },
  };
}

/**
 * Faults wait for calls. By the clock alone they pile up while clients wait, which then meet nothing but faults and wait
 * for longer: on a slow machine, until the time for an operation is used up. So calls come first.
 */
class Pace {
  readonly #cluster: TestCluster;
  /** How many calls there had been at the last fault of a lane. */
  readonly #callsAt = new Map<string, number>();

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** Whether enough calls have come since the last fault that meets the same; then this one counts as the last. */
  async allows(fault: Fault): Promise<boolean> {
    const met = Object.entries(await this.#cluster.calls()).filter(([rpc]) => mayMeet(fault, rpc));
    const calls = met.reduce((sum, [, count]) => sum + count, 0);
    const lane = laneOf(fault);
    if (calls - (this.#callsAt.get(lane) ?? 0) < callsBetween) return false;
    this.#callsAt.set(lane, calls);
    return true;
  }
}

/** Faults that meet the same calls are in one. */
function laneOf({ kind, rpc }: Fault): string {
  if (rpc !== undefined) return rpc;
  return narrowKinds.has(kind) ? kind : 'any call of a store';
}

import { SeededRandom } from '../../src/base/index.ts';
import type { FaultKind, TestCluster } from '../support/tikv/cluster.ts';

const everyMs = 15;
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

/** Splits, merges, moves and loses, as far as the cluster can, until it is stopped. */
export function disturb(cluster: TestCluster, splitKeys: readonly Buffer[], seed = 1): Disturbance {
  const random = new SeededRandom(seed);
  let isStopped = false;
  let count = 0;
  const losses = lossKinds.filter((kind) => cluster.can(kind));
  const refusals = regionKinds.filter((kind) => cluster.can(kind));
  async function once(): Promise<void> {
    const regions = await cluster.regions();
    const { id } = random.pick(regions);
    const what = random.int(0, 5);
    if (what <= 1) await cluster.split(random.pick(splitKeys));
    else if (what === 2 && regions.at(-1)?.id !== id) await cluster.merge(id);
    else if (what === 3) await cluster.transfer(id, random.pick(await cluster.stores()));
    else if (what === 4 && losses.length > 0) {
      await cluster.fault({ kind: random.pick(losses), rpc: random.pick(rpcs), delayMs: random.int(0, 30) });
    } else if (refusals.length > 0) {
      await cluster.fault({ kind: random.pick(refusals), delayMs: random.int(0, 30) });
    }
    count++;
  }
  const done = (async () => {
    while (!isStopped) {
      await once();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
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

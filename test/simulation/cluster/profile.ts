import type { SeededRandom } from '../../../src/base/index.ts';
import type { ClientProfile } from '../client.ts';
import type { EngineTrouble } from '../sim-engine.ts';

/** Mistakes that can be planted in the product, to prove that the simulator finds them. */
export const CLUSTER_PLANTED = [
  'no-head-condition',
  'join-read-index',
  'read-index-by-revision',
  'show-unannounced',
  'keep-alive-without-lease',
  'probe-end-of-log',
  'serve-before-epoch',
  'leader-by-record',
  'keep-streams-without-leader',
  'move-unconfirmed',
  'format-of-one',
] as const;
export type ClusterPlant = (typeof CLUSTER_PLANTED)[number];

export const LEASE_MS = 800;
export const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;

/** Chances per call or message, or mean periods in ms (0: never). Drawn per seed; many are off in a given seed. */
export interface ClusterProfile extends EngineTrouble, ClientProfile {
  uncertain: number;
  engineTail: number;
  conflicts: number;
  crashEveryMs: number;
  /** A node is closed, as by SIGTERM, and starts again. */
  closeEveryMs: number;
  /** The lead is handed to another member. */
  moveEveryMs: number;
  stallEveryMs: number;
  /** One direction between two nodes is cut. */
  cutEveryMs: number;
  /** A node reaches no other, and mostly not the store either; clients reach it. */
  isolateEveryMs: number;
  /** Chance per message that its link breaks with it. */
  loss: number;
  netTail: number;
  /** Chance per link that it is slow, by so many bytes a millisecond. */
  slowLinks: number;
  readonly slowBytesPerMs: number;
  /** What a link takes before it is full. */
  readonly linkBytesMax: number;
  /** A link that is cut for so long ends. */
  readonly keepAliveMs: number;
  slowSinks: number;
  readonly fullMs: number;
  readonly linearizableReads: 'lease' | 'engine';
  /** Clocks run at rates from `rateMin` to `rateMax`, and jump ahead every so often. */
  rateMin: number;
  rateMax: number;
  jumpEveryMs: number;
  /** Nodes that start again may have been upgraded, to a program that knows another chunk format. */
  readonly upgrades: boolean;
  readonly clients: number;
  readonly keepers: number;
  /** Seconds that keepers grant their leases for. */
  readonly keeperTtl: number;
  readonly historyBytesInMemoryMax: number;
  readonly segmentBytes: number;
  readonly sliceUnitsMax: number;
  readonly atOnceKeysMax: number;
  readonly responseBytesMax: number;
  readonly fragmentBytesMin: number;
  readonly groupBytesMax: number;
}

/**
 * Swarm: each kind of trouble is absent from a share of the seeds and wildly different in the others. A small one has few
 * calls, so that their history can be searched for an order that explains it.
 */
export function drawClusterProfile(random: SeededRandom, isSmall: boolean): ClusterProfile {
  const maybe = (share: number, draw: () => number) => (random.chance(share) ? draw() : 0);
  const between = (min: number, max: number) => min + random.next() * (max - min);
  const linearizableReads = random.chance(0.3) ? 'engine' : 'lease';
  const anyClock = linearizableReads === 'engine';
  const upgrades = random.chance(0.3);
  return {
    uncertain: maybe(0.6, () => between(0.01, 0.3)),
    lateMs: between(50, 6 * LEASE_MS),
    engineTail: maybe(0.6, () => between(0.002, 0.05)),
    tailMs: between(50, 4 * LEASE_MS),
    conflicts: maybe(0.3, () => between(0.002, 0.05)),
    crashEveryMs: maybe(0.5, () => between(1_500, 8_000)),
    closeEveryMs: maybe(upgrades ? 1 : 0.4, () => between(1_500, 8_000)),
    moveEveryMs: maybe(0.4, () => between(1_000, 6_000)),
    stallEveryMs: maybe(0.6, () => between(1_500, 6_000)),
    cutEveryMs: maybe(0.4, () => between(500, 4_000)),
    isolateEveryMs: maybe(0.6, () => between(1_500, 6_000)),
    loss: maybe(0.4, () => between(0.0005, 0.02)),
    netTail: maybe(0.6, () => between(0.01, 0.3)),
    slowLinks: maybe(0.5, () => between(0.1, 0.6)),
    slowBytesPerMs: between(0.1, 10),
    linkBytesMax: random.chance(0.5) ? random.int(200, 6_000) : 2 ** 20,
    keepAliveMs: between(300, 4_000),
    slowSinks: maybe(0.4, () => between(0.05, 0.6)),
    fullMs: between(10, 2_500),
    linearizableReads,
    rateMin: anyClock ? 0.3 : 0.9,
    rateMax: anyClock ? 3 : 1.1,
    jumpEveryMs: anyClock ? maybe(0.6, () => between(500, 4_000)) : 0,
    upgrades,
    clients: isSmall ? random.int(2, 3) : random.int(2, 6),
    keepers: random.int(1, 3),
    keeperTtl: random.int(2, 4),
    idleMs: isSmall ? between(60, 200) : between(3, 90),
    leaseTtl: random.chance(0.5) ? 2 : 5_000,
    compactions: maybe(0.85, () => between(0.01, 0.12)),
    hashes: maybe(0.5, () => between(0.01, 0.05)),
    leaseLists: maybe(0.8, () => between(0.02, 0.15)),
    reads: between(0.2, 0.7),
    txns: maybe(0.5, () => between(0.05, 0.4)),
    paddingMax: random.chance(0.3) ? 4_000 : 20,
    historyBytesInMemoryMax: random.chance(0.5) ? random.int(0, 2_000) : 256 * 2 ** 20,
    segmentBytes: random.chance(0.4) ? random.int(150, 1_500) : 2 ** 20,
    sliceUnitsMax: random.chance(0.3) ? random.int(1, 60) : 8192,
    atOnceKeysMax: random.chance(0.3) ? random.int(0, 3) : 2048,
    responseBytesMax: random.chance(0.5) ? random.int(1, 3_000) : 2 ** 20,
    fragmentBytesMin: random.chance(0.5) ? random.int(1, 1_000) : 2 ** 21,
    groupBytesMax: random.chance(0.3) ? random.int(100, 1_000) : 2 ** 20,
  };
}

/** The quiet end of every run: nothing fails any more, so everything must come to agree. */
export function calmCluster(profile: ClusterProfile): void {
  const off: Partial<ClusterProfile> = {
    uncertain: 0,
    engineTail: 0,
    conflicts: 0,
    crashEveryMs: 0,
    closeEveryMs: 0,
    moveEveryMs: 0,
    stallEveryMs: 0,
    cutEveryMs: 0,
    isolateEveryMs: 0,
    loss: 0,
    netTail: 0,
    slowLinks: 0,
    slowSinks: 0,
    jumpEveryMs: 0,
  };
  Object.assign(profile, off);
}

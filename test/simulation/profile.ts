import type { SeededRandom } from '../../src/base/index.ts';

/** Mistakes that can be planted in the product, to prove that the simulator finds them. */
export const PLANTED = [
  'early-failed-compare',
  'drop-tombstone-in-cleaning',
  'uncertain-is-failed',
  'publish-before-commit',
  'cleaned-without-compaction',
  'no-head-condition',
] as const;
export type Plant = (typeof PLANTED)[number];

export const KEYS = ['k/1', 'k/2', 'k/3', 'k/4', 'l/1', 'm'] as const;
export const LEASES = [11n, 12n, 13n] as const;

/** Chances per call, or mean periods in ms (0: never). Drawn per seed; many are off in a given seed. */
export interface Profile {
  uncertain: number;
  /** How late an uncertain commit lands at most. */
  lateMs: number;
  engineTail: number;
  tailMs: number;
  crashEveryMs: number;
  stallEveryMs: number;
  /** How often clients compact: chance per call. */
  readonly compactions: number;
  /** How long a client idles between its calls at most. */
  readonly idleMs: number;
  readonly reads: number;
  readonly clients: number;
  /** Bytes that a value is padded to at most, so that chunks of different sizes are merged and rewritten. */
  readonly paddingMax: number;
  /** Superseded values that stay in memory; older ones are read back from chunks that the cleaner moves. */
  readonly historyBytesInMemoryMax: number;
  /** Chance per watch response that the transport is full after it, for `fullMs` at most. */
  slowSinks: number;
  readonly fullMs: number;
  /** Chance per write that it is a transaction of several, nested operations. */
  readonly txns: number;
  /** Chance per call of HashKV. */
  readonly hashes: number;
  /** Chunks end where a segment does: small ones make one revision several chunks. */
  readonly segmentBytes: number;
  /** Small ones make long work of everything that touches more than a key. */
  readonly sliceUnitsMax: number;
  readonly atOnceKeysMax: number;
  /** Watch responses end, and are split in fragments, at so many bytes. */
  readonly responseBytesMax: number;
  readonly fragmentBytesMin: number;
  /** Seconds. Short ones expire under way. */
  readonly leaseTtl: number;
}

/** Swarm: each kind of trouble is absent from a share of the seeds and wildly different in the others. */
export function drawProfile(random: SeededRandom): Profile {
  const maybe = (share: number, draw: () => number) => (random.chance(share) ? draw() : 0);
  const between = (min: number, max: number) => min + random.next() * (max - min);
  return {
    uncertain: maybe(0.75, () => between(0.01, 0.3)),
    lateMs: between(20, 4_000),
    engineTail: maybe(0.7, () => between(0.002, 0.05)),
    tailMs: between(50, 3_000),
    crashEveryMs: maybe(0.7, () => between(600, 4_000)),
    stallEveryMs: maybe(0.5, () => between(800, 4_000)),
    compactions: maybe(0.85, () => between(0.01, 0.12)),
    idleMs: between(2, 50),
    reads: between(0.15, 0.6),
    clients: random.int(2, 6),
    paddingMax: random.chance(0.3) ? 4_000 : 20,
    historyBytesInMemoryMax: random.chance(0.5) ? random.int(0, 2_000) : 256 * 2 ** 20,
    slowSinks: maybe(0.6, () => between(0.05, 0.6)),
    fullMs: between(10, 2_500),
    leaseTtl: random.chance(0.5) ? 2 : 5_000,
    txns: maybe(0.7, () => between(0.05, 0.5)),
    hashes: maybe(0.6, () => between(0.01, 0.08)),
    segmentBytes: random.chance(0.5) ? random.int(150, 1_500) : 2 ** 20,
    sliceUnitsMax: random.chance(0.4) ? random.int(1, 60) : 8192,
    atOnceKeysMax: random.chance(0.4) ? random.int(0, 3) : 2048,
    responseBytesMax: random.chance(0.5) ? random.int(1, 3_000) : 2 ** 20,
    fragmentBytesMin: random.chance(0.5) ? random.int(1, 1_000) : 2 ** 21,
  };
}

/** The quiet end of every run: nothing fails any more, so everything must come to agree. */
export function calm(profile: Profile): void {
  Object.assign(profile, { uncertain: 0, engineTail: 0, crashEveryMs: 0, stallEveryMs: 0, slowSinks: 0 });
}

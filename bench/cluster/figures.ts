import { median } from '../etcd/measurement.ts';

/**
 * What one row gave. CPU is user and system time for one call, in microseconds, without what the node takes when nobody asks
 * anything.
 */
export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly leaderMicros: number;
  /** Of the follower that was asked, or of the mean follower when the leader was; 0 without followers. */
  readonly followerMicros: number;
  /** Of all nodes together. */
  readonly allMicros: number;
  readonly generatorMicros: number;
  /** Of a core, when nobody asks anything. */
  readonly idleLeaderPercent: number;
  readonly idleFollowerPercent: number;
}

export interface Measured extends Figures {
  readonly failures: Readonly<Record<string, number>>;
}

/** Row -> one entry a round. */
export type Results = ReadonlyMap<string, readonly Measured[]>;

/** Of several rounds: the median of each figure. */
export function medians(rounds: readonly Figures[]): Figures {
  const of = (value: (figures: Figures) => number): number => median(rounds.map(value));
  return {
    perSecond: of((one) => one.perSecond),
    p50Ms: of((one) => one.p50Ms),
    p99Ms: of((one) => one.p99Ms),
    leaderMicros: of((one) => one.leaderMicros),
    followerMicros: of((one) => one.followerMicros),
    allMicros: of((one) => one.allMicros),
    generatorMicros: of((one) => one.generatorMicros),
    idleLeaderPercent: of((one) => one.idleLeaderPercent),
    idleFollowerPercent: of((one) => one.idleFollowerPercent),
  };
}

/** Lines that say which row failed, and how. */
export function failuresOf(results: Results): string[] {
  return [...results].flatMap(([row, rounds]) =>
    rounds.flatMap(({ failures }) =>
      Object.entries(failures).map(([what, count]) => `${row}: ${what} (${count})`),
    ),
  );
}

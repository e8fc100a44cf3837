import type { Figures } from './figures.ts';

/** The medians of a row, or undefined when it was not measured. */
export type Lookup = (row: string) => Figures | undefined;

/** A share of one figure in another that is not to be exceeded. */
export interface Aim {
  readonly text: string;
  readonly atMost: number;
  readonly value: (figures: Lookup) => number | undefined;
}

export interface Verdict {
  readonly aim: Aim;
  readonly value: number;
  readonly isWithin: boolean;
}

type Part = readonly [row: string, figure: (figures: Figures) => number];

const leader = (one: Figures): number => one.leaderMicros;
const follower = (one: Figures): number => one.followerMicros;
const all = (one: Figures): number => one.allMicros;

/** What a cluster is to cost, in CPU time a call: on few cores that is how scale shows. */
export const aims: readonly Aim[] = [
  ...[2, 3].flatMap((nodes) => [
    share(
      { text: `a read at a follower of ${nodes} costs the leader <= 1/10 of serving it`, atMost: 0.1 },
      [`range-linearizable-256-follower-of-${nodes}`, leader],
      [`range-linearizable-256-leader-of-${nodes}`, leader],
    ),
    share(
      {
        text: `with 1,000 clients, a read at a follower of ${nodes} costs the leader <= 1/10 of serving it`,
        atMost: 0.1,
      },
      [`range-linearizable-1000-follower-of-${nodes}`, leader],
      [`range-linearizable-1000-leader-of-${nodes}`, leader],
    ),
    share(
      { text: `a read at a follower of ${nodes} costs it <= 1.2x a single node's`, atMost: 1.2 },
      [`range-linearizable-256-follower-of-${nodes}`, follower],
      ['range-linearizable-256-leader-of-1', leader],
    ),
    share(
      {
        text: `at 100,000 a second, a read at a follower of ${nodes} costs the leader <= 1/10 of serving it`,
        atMost: 0.1,
      },
      [`range-linearizable-at-rate-follower-of-${nodes}`, leader],
      [`range-linearizable-at-rate-leader-of-${nodes}`, leader],
    ),
    share(
      {
        text: `at 100,000 a second, a read at a follower of ${nodes} costs it <= 1.2x a single node's`,
        atMost: 1.2,
      },
      [`range-linearizable-at-rate-follower-of-${nodes}`, follower],
      ['range-linearizable-at-rate-leader-of-1', leader],
    ),
    share(
      { text: `a serializable read at a follower of ${nodes} costs it <= 1.2x a single node's`, atMost: 1.2 },
      [`range-serializable-256-follower-of-${nodes}`, follower],
      ['range-serializable-256-leader-of-1', leader],
    ),
    share(
      {
        text: `a write costs the leader of ${nodes} <= ${(nodes - 1) * 10} % more than a single node`,
        atMost: 1 + (nodes - 1) / 10,
      },
      [`put-256-leader-of-${nodes}`, leader],
      ['put-256-leader-of-1', leader],
    ),
  ]),
  share(
    { text: "a write at a follower costs both nodes <= 2x a single node's", atMost: 2 },
    ['put-256-follower-of-2', all],
    ['put-256-leader-of-1', leader],
  ),
  share(
    { text: 'a write at a follower costs both nodes <= 2x one at the leader', atMost: 2 },
    ['put-256-follower-of-2', all],
    ['put-256-leader-of-2', all],
  ),
];

/** Of the aims whose rows were measured. */
export function verdicts(figures: Lookup): readonly Verdict[] {
  return aims.flatMap((aim) => {
    const value = aim.value(figures);
    return value === undefined ? [] : [{ aim, value, isWithin: value <= aim.atMost }];
  });
}

function share(about: { text: string; atMost: number }, part: Part, whole: Part): Aim {
  return {
    ...about,
    value(figures) {
      const [above, below] = [part, whole].map(([row, figure]) => {
        const one = figures(row);
        return one === undefined ? undefined : figure(one);
      });
      return above === undefined || below === undefined || below === 0 ? undefined : above / below;
    },
  };
}

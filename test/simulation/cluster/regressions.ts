/** A seed that has found a mistake in the product, or finds it when it is made again. */
export interface Regression {
  readonly seed: number;
  readonly nodes?: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 21,
    found:
      'watchers on a follower went on through what a cleaned chunk has no more (src/watch/hub.ts, `compacted`)',
  },
  {
    seed: 4,
    found:
      'a node that came to lead again never ended leases that it knew when it led before (src/store/expiry-heap.ts)',
  },
  {
    seed: 526,
    found:
      'a lease granted right after a pause of the process had the time of the pause, too (src/store/lessor.ts)',
  },
  {
    seed: 70129,
    found:
      'a follower showed a state without leases that were revoked later: their chunk was cleaned before anything was compacted (src/log/applier.ts)',
  },
  {
    seed: 70053,
    found:
      'the judge, wrongly: a leader that has begun its epoch may show to its watchers what it has not yet told others',
  },
];

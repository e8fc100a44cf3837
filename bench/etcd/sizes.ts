/** How much of everything: the full form for figures that are published, the short one to see that nothing broke. */
export interface Sizes {
  readonly rounds: number;
  /**
   * Of each closed loop and each kind of list: before it is measured, so that a server which compiles what it runs often
   * has done most of that, and while it is.
   */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Keys that points are read from and put to. */
  readonly keys: number;
  /** Names of rows say `10k` and `100k`: so many keys are those. */
  readonly listKeys: { readonly '10k': number; readonly '100k': number };
  /** Before lists: what a start or the last ones left is done. */
  readonly settleMs: number;
  /** Each list at least so often. */
  readonly listsMin: number;
  /**
   * How long puts are sent to be watched: before it is measured, so that a server which compiles what it runs often has
   * done so also at a few hundred puts a second, and while it is. How long late events are waited for.
   */
  readonly watchWarmMs: number;
  readonly watchMs: number;
  readonly watchDrainMs: number;
  readonly leases: number;
  /** Keys of the rows on memory and start: a million. */
  readonly manyKeys: number;
  /** Between the load and the look at the memory. */
  readonly restMs: number;
  readonly starts: number;
}

/** Three quarters of an hour. */
export const FULL: Sizes = {
  rounds: 3,
  warmMs: 1500,
  measureMs: 1500,
  keys: 100_000,
  listKeys: { '10k': 10_000, '100k': 100_000 },
  settleMs: 500,
  listsMin: 3,
  watchWarmMs: 3000,
  watchMs: 4000,
  watchDrainMs: 20_000,
  leases: 100_000,
  manyKeys: 1_000_000,
  restMs: 10_000,
  starts: 5,
};

/** Five minutes. */
export const SHORT: Sizes = {
  rounds: 1,
  warmMs: 250,
  measureMs: 600,
  keys: 10_000,
  listKeys: { '10k': 2000, '100k': 10_000 },
  settleMs: 100,
  listsMin: 2,
  watchWarmMs: 1500,
  watchMs: 700,
  watchDrainMs: 3000,
  leases: 10_000,
  manyKeys: 50_000,
  restMs: 500,
  starts: 2,
};

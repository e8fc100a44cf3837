/** How much of everything: the full form for figures that are published, the short one to see that nothing broke. */
export interface Sizes {
  readonly rounds: number;
  /** Of each closed loop: before it is measured, and while it is. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Keys that points are read from and put to. */
  readonly keys: number;
}

/** Three quarters of an hour. */
export const FULL: Sizes = { rounds: 3, warmMs: 700, measureMs: 2000, keys: 100_000 };

/** Five minutes. */
export const SHORT: Sizes = { rounds: 1, warmMs: 300, measureMs: 700, keys: 20_000 };

/** One measured number. */
export interface Figure {
  /** What was measured, with its size: `put, level, 256 writers`. */
  readonly name: string;
  readonly unit: 'us' | 'ns' | 'ms' | 'bytes' | 'ratio' | 'MiB' | '/s';
  /** The median of the rounds. */
  readonly value: number;
  readonly rounds: readonly number[];
  /** What is aimed at: the value is at most this. On a machine of another speed it is scaled by the reader. */
  readonly atMost?: number;
  /** What else is worth knowing, such as elapsed time beside CPU time. */
  readonly note?: string;
  /** Over the answers of all rounds: equal runs give equal hashes, and nothing that was computed was computed in vain. */
  readonly hash?: string;
}

/** A benchmark: one file, one thing, at the sizes it is given. */
export type Bench = (sizes: Sizes) => Promise<Figure[]>;

/** How much of everything: the whole form for figures, the small one so that the code cannot rot. */
export interface Sizes {
  readonly rounds: number;
  /** Operations in one round of something small. */
  readonly operations: number;
  /** Keys of the smaller and the larger store. */
  readonly keys: readonly [number, number];
  /** Keys of a list. */
  readonly listed: readonly [number, number];
  /** Keys of a replay. */
  readonly replayed: readonly [number, number];
  readonly watchers: readonly number[];
}

export const FULL: Sizes = {
  rounds: 5,
  operations: 100_000,
  keys: [50_000, 5_000_000],
  listed: [1000, 100_000],
  replayed: [50_000, 1_000_000],
  watchers: [10, 1000, 100_000],
};

/** About a minute: the same code, the larger sizes smaller. */
export const SHORT: Sizes = {
  rounds: 3,
  operations: 30_000,
  keys: [50_000, 500_000],
  listed: [1000, 100_000],
  replayed: [20_000, 200_000],
  watchers: [10, 1000, 10_000],
};

/** For the ordinary test run: a second or two in all. */
export const TINY: Sizes = {
  rounds: 1,
  operations: 500,
  keys: [500, 2000],
  listed: [10, 600],
  replayed: [300, 1000],
  watchers: [10, 100],
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

type About = Omit<Figure, 'value' | 'rounds'>;

/** The figure of these rounds. */
export function figure(about: About, rounds: readonly number[]): Figure {
  return { ...about, value: median(rounds), rounds };
}

/** CPU time of the process so far, in all its threads, in microseconds. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** A hash that a loop can afford: FNV-1a over 32-bit numbers. */
export class ResultHash {
  #state = 0x811c9dc5;

  add(value: number): void {
    this.#state = Math.imul(this.#state ^ (value >>> 0), 0x01000193) >>> 0;
  }

  toString(): string {
    return this.#state.toString(16).padStart(8, '0');
  }
}

import { Rows } from './rows.ts';

/** All data of a fake cluster: one set of rows, whichever region and store they are asked through. */
export class Mvcc {
  readonly rows = new Rows();
  /** Versions that no read at or above it needs may be gone. */
  safePoint = 0n;

  /** How many locks there are. */
  get lockCount(): number {
    let count = 0;
    for (const row of this.rows.range({ start: Buffer.alloc(0), end: Buffer.alloc(0) })) {
      if (row.lock !== undefined) count++;
    }
    return count;
  }
}

/**
 * The largest timestamp that a store has read at or was asked with. What it commits in one phase gets a larger one, so
 * that nobody who has read can be surprised.
 */
export class MaxTs {
  #value = 0n;

  get value(): bigint {
    return this.#value;
  }

  /** The largest 64-bit number stands for "newest" and is not remembered. */
  raise(ts: bigint): void {
    if (ts > this.#value && ts !== tsMax) this.#value = ts;
  }
}

export const tsMax = 2n ** 64n - 1n;

import type { KeyRange } from '../keys.ts';
import type { Row } from './records.ts';

/** All rows in the order of their keys. For tests: insertion moves the tail of an array. */
export class Rows {
  readonly #byKey = new Map<string, Row>();
  readonly #sorted: Row[] = [];

  get(key: Buffer): Row | undefined {
    return this.#byKey.get(key.toString('latin1'));
  }

  /** The row of a key, made if it is missing. */
  at(key: Buffer): Row {
    const found = this.get(key);
    if (found !== undefined) return found;
    const row: Row = { key: Buffer.from(key), lock: undefined, writes: [] };
    this.#byKey.set(key.toString('latin1'), row);
    this.#sorted.splice(this.#lowerBound(key), 0, row);
    return row;
  }

  /** Rows of a range in order. The rows must not come or go meanwhile. */
  *range({ start, end }: KeyRange, reverse = false): Generator<Row> {
    const from = this.#lowerBound(start);
    const to = end.length === 0 ? this.#sorted.length : this.#lowerBound(end);
    if (reverse) for (let at = to - 1; at >= from; at--) yield this.#sorted[at]!;
    else for (let at = from; at < to; at++) yield this.#sorted[at]!;
  }

  /** Forgets rows of which nothing is left. */
  prune(): void {
    let kept = 0;
    for (const row of this.#sorted) {
      if (row.lock === undefined && row.writes.length === 0) this.#byKey.delete(row.key.toString('latin1'));
      else this.#sorted[kept++] = row;
    }
    this.#sorted.length = kept;
  }

  #lowerBound(key: Buffer): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.#sorted[middle]!.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

import { assert } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { assertKey, closedError, SCAN_BATCH_BYTES_MAX } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';
import type { FrozenTree } from './tree.ts';

/** Runs are gathered into batches of at least so many entries, where there are as many. */
const BATCH_ENTRIES = 256;

export class MemorySnapshot implements Snapshot {
  #tree: FrozenTree | undefined;
  readonly #isEngineClosed: () => boolean;

  constructor(tree: FrozenTree, isEngineClosed: () => boolean) {
    this.#tree = tree;
    this.#isEngineClosed = isEngineClosed;
  }

  // Async so that what it throws becomes a rejection, as the contract has it.
  // eslint-disable-next-line @typescript-eslint/require-await
  async get(key: Bytes): Promise<Bytes | undefined> {
    assertKey(key);
    const value = this.#open().get(key);
    return value === undefined ? undefined : Buffer.from(value);
  }

  async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
    const { gte, lt, reverse = false, limit = Infinity } = range;
    assert(limit >= 0, 'the limit of a scan is not negative');
    let left = limit;
    let bytes = 0;
    let batch: Entry[] = [];
    for (const { keys, values, from, to } of this.#open().runs({ gte, lt, reverse })) {
      for (let n = 0; n < to - from && left > 0; n++) {
        const i = reverse ? to - 1 - n : from + n;
        batch.push({ key: Buffer.from(keys[i]!), value: Buffer.from(values[i]!) });
        left--;
        bytes += keys[i]!.length + values[i]!.length;
        if (bytes < SCAN_BATCH_BYTES_MAX && batch.length < BATCH_ENTRIES) continue;
        yield await Promise.resolve(batch);
        this.#open();
        batch = [];
        bytes = 0;
      }
      if (left <= 0) break;
    }
    if (batch.length > 0) yield batch;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#tree = undefined;
    return Promise.resolve();
  }

  #open(): FrozenTree {
    if (this.#isEngineClosed()) throw closedError('engine');
    if (this.#tree === undefined) throw closedError('snapshot');
    return this.#tree;
  }
}

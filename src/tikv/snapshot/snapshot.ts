import { compareBytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import { MetLocks } from './met-locks.ts';
import { readKey, readKeys } from './reader.ts';
import type { ReadOptions, ScanOptions } from './options.ts';
import type { KeyValue } from './scan.ts';
import { scanRange } from './scan.ts';

/** As client-go's `GetMaxBackoff`. */
const READ_BUDGET_MS = 20_000;
/** A snapshot so old is compared with the safe point: no one lets stores collect what is younger than twice that. */
const FRESH_MS = 5 * 60_000;

/**
 * What was committed at one timestamp, whatever is committed later (snapshot isolation). Holds nothing, so that it needs
 * no end.
 *
 * Reads reject with a `TikvError`: `unavailable` after `budgetMs`, `aborted`, `closed`, `snapshot_too_old` once the safe
 * point has passed the timestamp, `invalid` for a bad key, `protocol`. What they yield are views into what was received,
 * which nobody else changes.
 */
export class TikvSnapshot {
  /** What is committed at it or before is seen. */
  readonly timestamp: bigint;
  readonly #session: Session;

  /** Use `TikvClient.snapshot`, which checks the timestamp. */
  constructor(session: Session, timestamp: bigint) {
    this.#session = session;
    this.timestamp = timestamp;
  }

  /** The value of `key`, or undefined if there is none. */
  async get(key: Uint8Array, options: ReadOptions = {}): Promise<Buffer | undefined> {
    const { keyspace, values } = this.#session;
    const backoff = this.#backoff(options);
    const read = { timestamp: this.timestamp, backoff };
    const stored = await readKey(this.#session, keyspace.toStore(key), read);
    await this.#verifyKept(backoff);
    return stored === undefined ? undefined : values.fromStore(stored);
  }

  /** The values of `keys`, in their order; undefined where there is none. */
  async batchGet(keys: readonly Uint8Array[], options: ReadOptions = {}): Promise<(Buffer | undefined)[]> {
    const { keyspace, values } = this.#session;
    const backoff = this.#backoff(options);
    const stored = keys.map((key) => keyspace.toStore(key));
    const found = new Map<string, Buffer>();
    await readKeys(this.#session, sortedUnique(stored), {
      timestamp: this.timestamp,
      locks: new MetLocks(this.#session, this.timestamp),
      backoff,
      found: (key, value) => found.set(key.toString('latin1'), value),
    });
    await this.#verifyKept(backoff);
    return stored.map((key) => {
      const value = found.get(key.toString('latin1'));
      return value === undefined ? undefined : values.fromStore(value);
    });
  }

  /**
   * The entries of a range in the order of their keys, in batches that are not empty. One request is read ahead; leaving
   * the loop ends it. `budgetMs` is for each request.
   */
  scan(options: ScanOptions = {}): AsyncIterable<readonly KeyValue[]> {
    return scanRange(this.#session, options, {
      timestamp: this.timestamp,
      backoff: (signal) => this.#backoff({ ...options, signal }),
      verifyKept: (backoff) => this.#verifyKept(backoff),
    });
  }

  #backoff({ budgetMs = READ_BUDGET_MS, signal }: ReadOptions): Backoff {
    return this.#session.readBackoff(budgetMs, signal);
  }

  /**
   * Stores answer reads below the safe point, with some of the values missing. Asked after a read: stores collect only
   * what a safe point has allowed before.
   */
  async #verifyKept(backoff: Backoff): Promise<void> {
    if (this.#session.oracle.ageMs(this.timestamp) < FRESH_MS) return;
    const safePoint = await this.#session.pd.gcSafePoint(backoff);
    if (this.timestamp >= safePoint) return;
    throw new TikvError(
      'snapshot_too_old',
      `What was visible at ${this.timestamp} may be gone: ${safePoint} is safe`,
    );
  }
}

function sortedUnique(keys: readonly Buffer[]): Buffer[] {
  const sorted = keys.toSorted(compareBytes);
  return sorted.filter((key, at) => at === 0 || !key.equals(sorted[at - 1]!));
}

import { compareBytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import type { StoredRange } from '../keyspace.ts';
import { STORED_KEY_BYTES_MAX } from '../keyspace.ts';
import type { Lock } from '../lock/lock.ts';
import type { Region } from '../region/region.ts';
import type { Session } from '../session.ts';
import type { StoreResponses } from '../store-messages.ts';
import { lockOf, MetLocks } from './met-locks.ts';
import { readKeys } from './reader.ts';

/** A key and its value, as they are stored. */
export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Above every key: the bound from which a store scans backwards is never left out. */
const ABOVE_ALL = Buffer.alloc(STORED_KEY_BYTES_MAX + 1, 0xff);

/**
 * Walks a stored range at one timestamp, a request at a time, through the regions as they are when it gets there.
 *
 * Invariant: all entries of the range outside of `[#start, #end)` have been yielded.
 */
export class Scanner {
  readonly #session: Session;
  readonly #timestamp: bigint;
  readonly #reverse: boolean;
  readonly #locks: MetLocks;
  #start: Buffer;
  /** Empty: no end. */
  #end: Buffer;
  #isDone: boolean;

  constructor(session: Session, timestamp: bigint, range: StoredRange & { readonly reverse: boolean }) {
    this.#session = session;
    this.#timestamp = timestamp;
    this.#reverse = range.reverse;
    this.#locks = new MetLocks(session, timestamp);
    this.#start = range.start;
    this.#end = range.end;
    this.#isDone = isEmpty(range.start, range.end);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next entries, at most `limit`; fewer, or none, do not mean that it is done. */
  async next(limit: number, backoff: Backoff): Promise<StoredEntry[]> {
    for (;;) {
      const region = await this.#locate(backoff);
      const request = this.#request(region, limit);
      const sent = await this.#session.regions.send(region, { method: 'KvScan', request }, backoff);
      if (sent.kind === 'relocate') continue;
      if (sent.response.error !== undefined) {
        await this.#locks.remove([lockOf(sent.response.error)], backoff);
        continue;
      }
      const entries = await this.#entries(sent.response, backoff);
      this.#advance(region, sent.response, limit);
      return entries;
    }
  }

  #locate(backoff: Backoff): Promise<Region> {
    const { regions } = this.#session;
    return this.#reverse ? regions.locateBefore(this.#end, backoff) : regions.locate(this.#start, backoff);
  }

  #request(
    region: Region,
    limit: number,
  ): { startKey: Buffer; endKey: Buffer; limit: number; version: bigint; reverse: boolean } {
    const lower = compareBytes(region.start, this.#start) > 0 ? region.start : this.#start;
    const upper = earlierEnd(region.end, this.#end);
    const common = { limit, version: this.#timestamp, reverse: this.#reverse };
    if (!this.#reverse) return { ...common, startKey: lower, endKey: upper };
    return { ...common, startKey: upper.length === 0 ? ABOVE_ALL : upper, endKey: lower };
  }

  /** The pairs with the values; those under locks are read one by one, and left out if there is nothing. */
  async #entries(response: StoreResponses['KvScan'], backoff: Backoff): Promise<StoredEntry[]> {
    const blocked: Lock[] = [];
    for (const pair of response.pairs) if (pair.error !== undefined) blocked.push(lockOf(pair.error));
    if (blocked.length === 0) {
      return response.pairs.filter((pair) => pair.value.length > 0);
    }
    await this.#locks.resolve(blocked, backoff);
    const values = new Map<string, Buffer>();
    await readKeys(this.#session, blocked.map((lock) => lock.key).sort(compareBytes), {
      timestamp: this.#timestamp,
      locks: this.#locks,
      backoff,
      found: (key, value) => values.set(key.toString('latin1'), value),
    });
    const entries: StoredEntry[] = [];
    for (const pair of response.pairs) {
      const key = keyOf(pair);
      const value = pair.error === undefined ? pair.value : values.get(key.toString('latin1'));
      if (value !== undefined && value.length > 0) entries.push({ key, value });
    }
    return entries;
  }

  /** What a full answer ends with is done; what a short one leaves out of its region is not there. */
  #advance(region: Region, response: StoreResponses['KvScan'], limit: number): void {
    const isFull = response.pairs.length >= limit;
    const last = isFull ? keyOf(response.pairs[response.pairs.length - 1]!) : undefined;
    if (this.#reverse) {
      this.#end = last ?? region.start;
      // An empty end would be no end: the first region of all has been walked.
      this.#isDone = this.#end.length === 0 || isEmpty(this.#start, this.#end);
    } else {
      this.#start = last === undefined ? region.end : Buffer.concat([last, Buffer.alloc(1)]);
      this.#isDone = this.#start.length === 0 || isEmpty(this.#start, this.#end);
    }
  }
}

/** A pair under a lock may leave its key to the lock. */
function keyOf(pair: StoreResponses['KvScan']['pairs'][number]): Buffer {
  return pair.key.length === 0 && pair.error !== undefined ? lockOf(pair.error).key : pair.key;
}

function isEmpty(start: Buffer, end: Buffer): boolean {
  return end.length > 0 && compareBytes(start, end) >= 0;
}

function earlierEnd(a: Buffer, b: Buffer): Buffer {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return compareBytes(a, b) < 0 ? a : b;
}

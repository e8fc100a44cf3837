import { assert, compareBytes, equalBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { assertKey, closedError, EngineError, SCAN_BATCH_BYTES_MAX } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';
import type { Database } from './database.ts';
import { engineError } from './database.ts';
import { isTailKey, readTail } from './tail.ts';
import type { Tail } from './tail.ts';

const BATCH_ENTRIES_MAX = 1000;
type State = 'open' | 'disposed' | 'lost' | 'closed';

/** A snapshot of LevelDB, which keeps the versions that it sees from being compacted away. */
export class LevelSnapshot implements Snapshot {
  /** Resolves when it has been disposed. */
  readonly ended: Promise<void>;
  /** Bytes of keys and values that its scans have read. */
  scannedBytes = 0;
  readonly #database: Database;
  readonly #snapshot: ReturnType<Database['snapshot']>;
  #state: State = 'open';
  #end: () => void = () => undefined;
  #tail: Promise<Tail> | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#snapshot = database.snapshot();
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async get(key: Bytes): Promise<Bytes | undefined> {
    assertKey(key);
    this.#assertOpen();
    try {
      const { carried } = await this.#readTail();
      if (carried !== undefined && equalBytes(carried.key, key)) return Buffer.from(carried.value);
      this.#assertOpen();
      return await this.#database.get(key, { snapshot: this.#snapshot, fillCache: false });
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  /** Without the tail, and with what it carries in its place. */
  async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
    const { gte, reverse = false, limit = Infinity } = range;
    assert(limit >= 0, 'the limit of a scan is not negative');
    this.#assertOpen();
    const { place, carried } = await this.#tailOrError();
    const lt = place === undefined || compareBytes(range.lt, place) < 0 ? range.lt : place;
    const isWithin =
      carried !== undefined && compareBytes(carried.key, gte) >= 0 && compareBytes(carried.key, range.lt) < 0;
    if (!isWithin) {
      yield* this.#stored({ gte, lt, reverse, limit });
      return;
    }
    let left = limit;
    // Nothing is stored at the key itself.
    const below = { gte, lt: compareBytes(lt, carried.key) < 0 ? lt : carried.key, reverse };
    const above = { gte: carried.key, lt, reverse };
    for await (const entries of this.#stored({ ...(reverse ? above : below), limit: left })) {
      left -= entries.length;
      yield entries;
    }
    if (left === 0) return;
    left--;
    this.scannedBytes += carried.key.length + carried.value.length;
    yield [{ key: Buffer.from(carried.key), value: Buffer.from(carried.value) }];
    yield* this.#stored({ ...(reverse ? below : above), limit: left });
  }

  async #tailOrError(): Promise<Tail> {
    try {
      return await this.#readTail();
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  /** The tail as the snapshot has it, which may be a commit before or behind what the engine knows. */
  #readTail(): Promise<Tail> {
    this.#tail ??= this.#lastEntry().then((last) => readTail(last, this.#database.location));
    return this.#tail;
  }

  async #lastEntry(): Promise<Entry | undefined> {
    const options = { reverse: true, limit: 1, snapshot: this.#snapshot, fillCache: false };
    const [last] = await this.#database.iterator(options).all();
    return last === undefined ? undefined : { key: last[0], value: last[1] };
  }

  /** What lies in LevelDB, without tails that were left behind. */
  async *#stored({ gte, lt, reverse, limit }: Required<ScanRange>): AsyncGenerator<readonly Entry[]> {
    if (limit === 0) return;
    this.#assertOpen();
    const iterator = this.#database.iterator({
      ...{ gte, lt, reverse },
      snapshot: this.#snapshot,
      fillCache: false,
      highWaterMarkBytes: SCAN_BATCH_BYTES_MAX - 1,
    });
    let left = limit;
    // Of a few, as many as there may be with a tail behind each.
    const next = (): Promise<[Bytes, Bytes][]> => iterator.nextv(Math.min(2 * left, BATCH_ENTRIES_MAX));
    let ahead = next();
    try {
      for (;;) {
        const found = await ahead;
        this.#assertOpen();
        if (found.length === 0) return;
        for (const [key, value] of found) this.scannedBytes += key.length + value.length;
        const entries = found.filter(([key]) => !isTailKey(key)).slice(0, left);
        left -= entries.length;
        if (left > 0) {
          // LevelDB reads the next batch in a thread of its own while the caller works on this one.
          ahead = next();
          // Whoever comes for it learns of a failure; who leaves early does not want to.
          ahead.catch(() => undefined);
        }
        if (entries.length > 0) yield entries.map(([key, value]) => ({ key, value }));
        if (left === 0) return;
      }
    } catch (error) {
      throw this.#mapped(error);
    } finally {
      await iterator.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'disposed';
      await this.#snapshot.close();
    }
    this.#end();
  }

  /** The database is being closed under it: what is under way may finish, everything later is refused. */
  terminate(state: 'lost' | 'closed'): void {
    if (this.#state === 'open') this.#state = state;
  }

  #assertOpen(): void {
    switch (this.#state) {
      case 'open':
        return;
      case 'disposed':
        throw closedError('snapshot');
      case 'closed':
        throw closedError('engine');
      case 'lost':
        throw new EngineError(
          'snapshot_lost',
          'Cannot use the snapshot: the store was reopened; take a new one',
        );
    }
  }

  #mapped(error: unknown): unknown {
    // What LevelDB says of a snapshot or database that was closed under a read, in our words.
    if (!(error instanceof EngineError)) this.#assertOpen();
    return engineError(error, 'read from', this.#database.location);
  }
}

import { assert, compareBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { assertKey, closedError, EngineError, KEY_END, SCAN_BATCH_BYTES_MAX } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';
import type { Database } from './database.ts';
import { engineError } from './database.ts';

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

  constructor(database: Database) {
    this.#database = database;
    this.#snapshot = database.snapshot();
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async get(key: Bytes): Promise<Bytes | undefined> {
    assertKey(key);
    this.#assertOpen();
    try {
      return await this.#database.get(key, { snapshot: this.#snapshot, fillCache: false });
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
    const { gte, reverse = false, limit } = range;
    assert(limit === undefined || limit >= 0, 'the limit of a scan is not negative');
    this.#assertOpen();
    const iterator = this.#database.iterator({
      gte,
      lt: compareBytes(range.lt, KEY_END) < 0 ? range.lt : KEY_END,
      reverse,
      limit: limit ?? -1,
      snapshot: this.#snapshot,
      fillCache: false,
      highWaterMarkBytes: SCAN_BATCH_BYTES_MAX - 1,
    });
    let ahead = iterator.nextv(BATCH_ENTRIES_MAX);
    try {
      for (;;) {
        const entries = await ahead;
        this.#assertOpen();
        if (entries.length === 0) return;
        // LevelDB reads the next batch in a thread of its own while the caller works on this one.
        ahead = iterator.nextv(BATCH_ENTRIES_MAX);
        // Whoever comes for it learns of a failure; who leaves early does not want to.
        ahead.catch(() => undefined);
        yield entries.map(([key, value]) => {
          this.scannedBytes += key.length + value.length;
          return { key, value };
        });
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

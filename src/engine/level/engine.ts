import { equalBytes, silentLogger } from '../../base/index.ts';
import type { Logger } from '../../base/index.ts';
import { abortedError, admitBatch, closedError, EngineError, holds } from '../index.ts';
import type { Batch, Capabilities, CommitResult, Engine, KeyRange, Snapshot } from '../index.ts';
import type { Database, OpenDatabase } from './database.ts';
import { engineError, openClassicLevel } from './database.ts';
import { filesBytes } from './disk.ts';
import { LevelStore } from './store.ts';
import { planCommit } from './tail.ts';

export interface LevelEngineOptions {
  /** The data directory; made if it is missing. It belongs to the engine alone. */
  readonly directory: string;
  /**
   * Whether a commit is on the disk before it is answered. Without it, a failure of the power or of the system loses
   * the newest commits, and the next start refuses the store for it.
   * @default true
   */
  readonly sync?: boolean;
  /** @default 128 MiB */
  readonly commitBytesMax?: number;
  readonly logger?: Logger;
  /** For tests that make it fail. @default openClassicLevel */
  readonly openDatabase?: OpenDatabase;
}

const COMMIT_BYTES_MAX = 128 * 1024 * 1024;
/** Commits that may wait for the one under way, with it. */
const COMMITS_QUEUED_MAX = 1024;
const SIZE_AGE_MS_MAX = 1000;
const COMMITTED: CommitResult = { kind: 'committed' };

/**
 * LevelDB within the process.
 *
 * 1. One process holds the directory, by LevelDB's lock, and commits one at a time, in the order of the calls. So a
 *    condition is judged before the write, and still holds when it lands.
 * 2. A commit is one synced write, and is visible only once it is synced (promise 1).
 * 3. After a failed write nothing is known of that commit: LevelDB may find it in its log when it is opened again. The
 *    next commit therefore reopens it first, and is judged by what the store then holds.
 * 4. What was acknowledged and is missing at an opening stops it (mark.ts, witness.ts, wal-check.ts).
 */
export class LevelEngine implements Engine {
  readonly capabilities: Capabilities;
  readonly #store: LevelStore;
  readonly #sync: boolean;
  #queued = 0;
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #size = { bytes: 0, atMs: -Infinity };

  /** @throws EngineError `locked` (says by whom), `corrupt`, `behind`, `format` or `unavailable` */
  static async open(options: LevelEngineOptions): Promise<LevelEngine> {
    const { directory, openDatabase = openClassicLevel, logger = silentLogger } = options;
    return new LevelEngine(await LevelStore.open({ directory, openDatabase, logger }), options);
  }

  private constructor(store: LevelStore, options: LevelEngineOptions) {
    this.#store = store;
    this.#sync = options.sync ?? true;
    this.capabilities = {
      shared: false,
      durable: this.#sync,
      commitBytesMax: options.commitBytesMax ?? COMMIT_BYTES_MAX,
    };
  }

  async snapshot(): Promise<Snapshot> {
    this.#assertOpen();
    const snapshot = await this.#store.snapshot();
    void snapshot.ended.then(() => {
      if (!this.#store.wantsRemap) return;
      // In the queue of the commits, because none may be under way meanwhile.
      void this.#inTurn(() => this.#store.remap());
    });
    return snapshot;
  }

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.#assertOpen();
    admitBatch(batch, signal, this.capabilities);
    if (this.#queued >= COMMITS_QUEUED_MAX) {
      throw new EngineError('overloaded', `Cannot commit: ${this.#queued} commits are waiting already`);
    }
    return await this.#inTurn(() => this.#judgeAndWrite(batch, signal));
  }

  /** Runs `work` when what came before has ended: before it returns, if nothing is under way. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queued === 0 ? work() : settled(this.#last).then(work);
    this.#queued++;
    this.#last = turn;
    try {
      return await turn;
    } finally {
      this.#queued--;
    }
  }

  async sizeBytes(): Promise<number> {
    this.#assertOpen();
    const nowMs = performance.now();
    if (nowMs - this.#size.atMs > SIZE_AGE_MS_MAX) {
      this.#size = { bytes: await filesBytes(this.#store.location, /./), atMs: nowMs };
    }
    return this.#size.bytes;
  }

  async compact(range?: KeyRange): Promise<void> {
    this.#assertOpen();
    await this.#store.compact(range);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#store.beginClose();
    await settled(this.#last);
    await this.#store.close();
  }

  /** A condition on the carried key is judged, and the commit sent, before this returns. */
  async #judgeAndWrite(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    if (signal.aborted) throw abortedError(signal);
    const database = this.#store.writable ?? (await this.#reopened(signal));
    if (database === undefined) return { kind: 'uncertain', cause: this.#store.failure };
    const { carried } = this.#store.tail;
    try {
      for (const condition of batch.conditions) {
        const isCarried = carried !== undefined && equalBytes(carried.key, condition.key);
        const stored = isCarried ? carried.value : await database.get(condition.key);
        if (!holds(condition, stored)) return { kind: 'conflict', key: condition.key };
      }
    } catch (error) {
      return { kind: 'uncertain', cause: engineError(error, 'read from', this.#store.location) };
    }
    return await this.#write(database, batch);
  }

  async #write(database: Database, batch: Batch): Promise<CommitResult> {
    const { tail, operations } = planCommit(this.#store.tail, batch);
    try {
      await database.batch(operations, { sync: this.#sync });
    } catch (error) {
      const cause = engineError(error, 'write to', this.#store.location);
      this.#store.failed(cause);
      return { kind: 'uncertain', cause };
    }
    this.#store.acknowledged(tail);
    return COMMITTED;
  }

  /** Undefined when the database still takes no writes. */
  async #reopened(signal: AbortSignal): Promise<Database | undefined> {
    if (this.#store.isClosed) return undefined;
    await this.#store.reopen(signal);
    if (signal.aborted) throw abortedError(signal);
    return this.#store.writable;
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw closedError('engine');
  }
}

/** Waits for `promise`; how it ends is the business of whoever has it. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => undefined);
}

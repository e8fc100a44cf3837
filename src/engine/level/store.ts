import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { assert } from '../../base/index.ts';
import type { Bytes, Logger } from '../../base/index.ts';
import { closedError, EngineError } from '../index.ts';
import type { KeyRange } from '../index.ts';
import type { Database, OpenDatabase } from './database.ts';
import { engineError, lockedError, probeLock } from './database.ts';
import { filesBytes, freeBytes } from './disk.ts';
import { NO_MARK } from './mark.ts';
import { removeOwner, writeOwner } from './owner.ts';
import { LevelSnapshot } from './snapshot.ts';
import { readTail } from './tail.ts';
import type { Tail } from './tail.ts';
import { checkLogs } from './wal-check.ts';
import { judgeMark, Witness } from './witness.ts';

/** Snapshots get so long to end by themselves before the database is reopened under them. */
const SNAPSHOT_GRACE_MS = 1000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1000;
/** A reopening turns the log into a table and writes a new manifest and log: so much beyond the log must be free. */
const REOPEN_BYTES = 2 * 1024 * 1024;

const REMAP_BYTES = 64 * 1024 * 1024;
/** Around every key: the callers' are below `KEY_END`, and the tail's are not far above. */
const FIRST_KEY: Bytes = Buffer.alloc(0);
const LAST_KEY: Bytes = Buffer.alloc(16, 0xff);

/**
 * - `open`: serving.
 * - `failed`: a write failed, after which LevelDB takes no more until it is reopened. Reads go on, as long as
 *   `database` is there; it is not when a reopening failed.
 * - `reopening`: `done` resolves, with success or without.
 * - `closed`: for good.
 */
type State =
  | { readonly kind: 'open'; readonly database: Database }
  | { readonly kind: 'failed'; readonly database: Database | undefined; readonly cause: Error }
  | { readonly kind: 'reopening'; readonly done: Promise<void> }
  | { readonly kind: 'closed' };

export interface StoreOptions {
  readonly directory: string;
  readonly openDatabase: OpenDatabase;
  readonly logger: Logger;
}

/** The data directory: LevelDB in `db/`, opened and reopened, and the two files beside it. */
export class LevelStore {
  readonly location: string;
  readonly #options: StoreOptions;
  readonly #witness: Witness;
  readonly #closing = new AbortController();
  readonly #snapshots = new Set<LevelSnapshot>();
  #state: State;
  #tail: Tail;
  #scannedBytes = 0;
  #compactions = 0;
  #attempts = 0;
  #retryAtMs = 0;

  /** @throws EngineError `locked`, `corrupt`, `behind`, `format` or `unavailable` */
  static async open(options: StoreOptions): Promise<LevelStore> {
    const { directory } = options;
    const location = join(directory, 'db');
    try {
      await mkdir(location, { recursive: true, mode: 0o700 });
      await probeLock(directory, location);
      const witness = new Witness(directory);
      try {
        return await LevelStore.#openWith(options, location, witness);
      } catch (error) {
        witness.close();
        throw error;
      }
    } catch (error) {
      throw engineError(error, 'open', directory);
    }
  }

  static async #openWith(options: StoreOptions, location: string, witness: Witness): Promise<LevelStore> {
    const acknowledged = witness.read();
    if (typeof acknowledged === 'object' && !existsSync(join(location, 'CURRENT'))) {
      // LevelDB would take what is there for no database, and start an empty one over it.
      judgeMark({ where: `${location} (it has no CURRENT file)`, witness, acknowledged, stored: NO_MARK });
    }
    const end = await checkLogs(location);
    if (typeof acknowledged === 'object' && end.mark !== undefined) {
      judgeMark({ where: `${location} (${end.position})`, witness, acknowledged, stored: end.mark });
    }
    const database = await openLocked(options, location);
    try {
      const tail = await tailOf(database);
      const stored = tail.mark;
      if (typeof acknowledged === 'object') judgeMark({ where: location, witness, acknowledged, stored });
      else if (stored.commit > 0) {
        const state = acknowledged === 'damaged' ? 'damaged' : 'missing';
        options.logger.warn('Cannot check that the store holds all that it acknowledged', {
          file: witness.path,
          state,
          commit: stored.commit,
        });
      }
      if (stored.commit > 0) witness.write(stored);
      await writeOwner(options.directory);
      return new LevelStore({ options, location, witness, database, tail });
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(parts: {
    options: StoreOptions;
    location: string;
    witness: Witness;
    database: Database;
    tail: Tail;
  }) {
    this.#options = parts.options;
    this.location = parts.location;
    this.#witness = parts.witness;
    this.#state = { kind: 'open', database: parts.database };
    this.#tail = parts.tail;
  }

  /** What the newest commit in the store has left. */
  get tail(): Tail {
    return this.#tail;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Undefined while a write has failed and the database was not reopened. */
  get writable(): Database | undefined {
    return this.#state.kind === 'open' ? this.#state.database : undefined;
  }

  /** Runs `use` on the database, within this turn of it being found open; it is reopened first, if it has to be. */
  async read<T>(use: (database: Database) => T | Promise<T>): Promise<T> {
    for (let attempted = false; ;) {
      const state = this.#state;
      if (state.kind === 'closed') throw closedError('engine');
      if (state.kind === 'reopening') {
        await state.done;
        continue;
      }
      if (state.database !== undefined) return await use(state.database);
      if (attempted || this.isClosed) throw this.failure;
      attempted = true;
      await this.reopen(this.#closing.signal);
    }
  }

  async snapshot(): Promise<LevelSnapshot> {
    return await this.read((database) => {
      const snapshot = new LevelSnapshot(database);
      this.#snapshots.add(snapshot);
      void snapshot.ended.then(() => {
        this.#snapshots.delete(snapshot);
        this.#scannedBytes += snapshot.scannedBytes;
      });
      return snapshot;
    });
  }

  async compact({ gte, lt }: KeyRange = { gte: FIRST_KEY, lt: LAST_KEY }): Promise<void> {
    await this.read(async (database) => {
      this.#compactions++;
      try {
        await database.compactRange(gte, lt);
      } catch (error) {
        throw engineError(error, 'compact', this.location);
      } finally {
        this.#compactions--;
      }
    });
  }

  /** Whether so much has been scanned that `remap` pays, and nothing keeps it from being short. */
  get wantsRemap(): boolean {
    const isIdle = this.#snapshots.size === 0 && this.#compactions === 0;
    return this.#scannedBytes >= REMAP_BYTES && isIdle && this.#state.kind === 'open' && !this.isClosed;
  }

  /**
   * Opens the database anew after a long scan. LevelDB maps the tables that it reads and keeps dozens of them, so that
   * a replay would leave some 100 MiB more resident for as long as the process lives.
   */
  async remap(): Promise<void> {
    if (!this.wantsRemap || this.#state.kind !== 'open') return;
    const { database } = this.#state;
    this.#scannedBytes = 0;
    let finish: () => void = () => undefined;
    this.#state = { kind: 'reopening', done: new Promise<void>((resolve) => (finish = resolve)) };
    this.#state = await this.#reopened(database);
    finish();
  }

  /** The commit that leaves `tail` is durable. */
  acknowledged(tail: Tail): void {
    const { mark } = tail;
    assert(mark.commit === this.#tail.mark.commit + 1, 'commits are counted without gaps');
    this.#tail = tail;
    this.#attempts = 0;
    try {
      this.#witness.write(mark);
    } catch (error) {
      // The commit is durable all the same; what suffers is the check of the next start.
      this.#options.logger.warn('Cannot write the side file of the store', {
        file: this.#witness.path,
        error: String(error),
      });
    }
  }

  /** A write failed with `cause`. */
  failed(cause: Error): void {
    assert(this.#state.kind === 'open', 'a write fails on an open database');
    this.#options.logger.error('Cannot write to the store, which will be reopened', {
      location: this.location,
      error: cause.message,
    });
    this.#state = { kind: 'failed', database: this.#state.database, cause };
  }

  /**
   * Tries once to get a database that takes writes again, not earlier than the last failure allows. Whether it worked
   * is seen by `writable`; if not, `failure` says why.
   *
   * @param signal ends the waiting before the attempt, not the attempt.
   */
  async reopen(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    if (state.kind === 'reopening') return await state.done;
    assert(state.kind === 'failed', 'only a failed database is reopened');
    let finish: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (finish = resolve));
    try {
      await this.#wait(signal);
      if (this.#state !== state) return;
      if (state.database !== undefined) await this.#assertSpace();
      this.#state = { kind: 'reopening', done };
      this.#state = await this.#reopened(state.database);
    } catch (error) {
      if (this.isClosed || signal.aborted) return;
      const cause = engineError(error, 'reopen', this.location);
      this.#state = { ...state, cause };
    } finally {
      finish();
    }
  }

  get failure(): Error {
    return this.#state.kind === 'failed' ? this.#unavailable(this.#state.cause) : closedError('engine');
  }

  /** Refuses reads and waits for none; what is under way on the database may finish. */
  async close(): Promise<void> {
    if (this.#state.kind === 'reopening') await this.#state.done;
    const state = this.#state;
    if (state.kind === 'closed') return;
    assert(state.kind !== 'reopening', 'nothing reopens once it is closing');
    this.#state = { kind: 'closed' };
    for (const snapshot of this.#snapshots) snapshot.terminate('closed');
    await state.database?.close();
    this.#witness.close();
    await removeOwner(this.#options.directory);
  }

  /** From now on nothing new is started, and waits for another attempt end. */
  beginClose(): void {
    this.#closing.abort(closedError('engine'));
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const waitMs = this.#retryAtMs - nowMs;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    if (waitMs > 0) await delay(waitMs, undefined, { signal: either });
    either.throwIfAborted();
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#attempts++, 10));
    this.#retryAtMs = performance.now() + pauseMs;
  }

  /** A database that cannot be opened again for lack of space is better kept: it still serves reads. */
  async #assertSpace(): Promise<void> {
    const needed = REOPEN_BYTES + (await filesBytes(this.location, /\.log$/));
    const free = await freeBytes(this.location);
    if (free >= needed) return;
    throw new EngineError(
      'no_space',
      `Cannot write to ${this.location}: the disk is full (${free} bytes free, ${needed} needed to go on)`,
    );
  }

  async #reopened(database: Database | undefined): Promise<State> {
    try {
      if (database !== undefined) await this.#closeUnderSnapshots(database);
      const next = await this.#checked(await openLocked(this.#options, this.location));
      this.#options.logger.info('The store was reopened', {
        location: this.location,
        commit: this.#tail.mark.commit,
      });
      return { kind: 'open', database: next };
    } catch (error) {
      const cause = engineError(error, 'reopen', this.location);
      this.#options.logger.error('Cannot reopen the store', {
        location: this.location,
        error: cause.message,
      });
      return { kind: 'failed', database: undefined, cause };
    }
  }

  async #closeUnderSnapshots(database: Database): Promise<void> {
    const grace = new AbortController();
    const signal = AbortSignal.any([grace.signal, this.#closing.signal]);
    const graceEnds = delay(SNAPSHOT_GRACE_MS, undefined, { signal }).catch(() => undefined);
    await Promise.race([Promise.all([...this.#snapshots].map((snapshot) => snapshot.ended)), graceEnds]);
    grace.abort();
    for (const snapshot of this.#snapshots) snapshot.terminate('lost');
    await database.close();
  }

  /** The uncertain commit may be in the store now, but nothing that was acknowledged may be missing. */
  async #checked(database: Database): Promise<Database> {
    try {
      const tail = await tailOf(database);
      const stored = tail.mark;
      judgeMark({ where: this.location, witness: this.#witness, acknowledged: this.#tail.mark, stored });
      this.#tail = tail;
      if (stored.commit > 0) this.#witness.write(stored);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  #unavailable(cause: Error): EngineError {
    if (cause instanceof EngineError) return cause;
    return engineError(cause, 'write to', this.location);
  }
}

async function openLocked(options: StoreOptions, location: string): Promise<Database> {
  try {
    return await options.openDatabase(location);
  } catch (error) {
    const mapped = engineError(error, 'open', location);
    throw mapped.code === 'locked' ? await lockedError(options.directory, error) : mapped;
  }
}

async function tailOf(database: Database): Promise<Tail> {
  const [last] = await database.iterator({ reverse: true, limit: 1 }).all();
  return readTail(last === undefined ? undefined : { key: last[0], value: last[1] }, database.location);
}

import type { SnapshotKeeper, TikvClient } from '../../tikv/index.ts';
import type { TikvEnvironment } from '../../tikv/index.ts';
import { admitBatch, closedError, KEY_END } from '../index.ts';
import type { Batch, Capabilities, CommitResult, Engine, KeyRange, Snapshot } from '../index.ts';
import { engineError } from './errors.ts';
import { nameOf } from './fence.ts';

import { CommitLane } from './lane.ts';
import { openClient } from './open.ts';
import type { TikvEngineLimits, TikvEngineOptions } from './options.ts';
import { SizeEstimate } from './size.ts';
import { TikvEngineSnapshot } from './snapshot.ts';

const LIMITS: TikvEngineLimits = {
  commitBytesMax: 24 * 1024 * 1024,
  commitMsMax: 5000,
  aheadMsMax: 1000,
  retryMs: 2,
  garbageLifeMs: 10 * 60_000,
  garbageEveryMs: 3 * 60_000,
  closeMs: 1000,
};

/** Lanes are dropped when they are idle and there are more than so many. */
const LANES_MAX = 16;
const EVERYTHING: KeyRange = { gte: Buffer.from([0]), lt: KEY_END };
/** Commits without a condition share a lane. */
const UNCONDITIONAL = '';

/**
 * The contract on TiKV: see `CommitLane` for commits. Those whose first condition is on the same key take effect in the
 * order of the calls. `uncertain` is said only where the store that knows could not be reached in time.
 */
export class TikvEngine implements Engine {
  readonly capabilities: Capabilities;
  readonly #client: TikvClient;
  readonly #environment: TikvEnvironment;
  readonly #limits: TikvEngineLimits;
  readonly #lanes = new Map<string, CommitLane>();
  readonly #size: SizeEstimate;
  readonly #keeper: Pick<SnapshotKeeper, 'keep'>;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #ended = new AbortController();
  #closing: Promise<void> | undefined;

  private constructor(client: TikvClient, options: TikvEngineOptions) {
    const limits = { ...LIMITS, ...options.limits };
    const { environment } = options;
    const { clock } = environment;
    this.#client = client;
    this.#environment = environment;
    this.#limits = limits;
    this.capabilities = { shared: true, durable: true, commitBytesMax: limits.commitBytesMax };
    const freeMs = limits.garbageLifeMs / 2;
    this.#keeper = client.snapshotKeeper({ name: options.name ?? 'engram', freeMs });
    this.#size = new SizeEstimate({
      clock,
      range: options.range ?? EVERYTHING,
      snapshot: () => this.#snapshot(() => false),
    });
    const { garbageLifeMs: lifeMs, garbageEveryMs: everyMs } = limits;
    const isDue = options.collectsGarbage;
    if (isDue !== undefined) client.startGarbageCollector({ lifeMs, everyMs, isDue });
  }

  /**
   * Waits until a placement driver answers, and says so in the log. Rejects with an `EngineError`: `aborted`, or what no
   * waiting helps against.
   */
  static async open(options: TikvEngineOptions): Promise<TikvEngine> {
    return new TikvEngine(await openClient(options), options);
  }

  async snapshot(): Promise<Snapshot> {
    this.#assertOpen();
    return await this.#track(this.#snapshot(() => this.#closing !== undefined));
  }

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.#assertOpen();
    admitBatch(batch, signal, this.capabilities);
    const condition = batch.conditions[0];
    const lane = this.#lane(condition === undefined ? UNCONDITIONAL : nameOf(condition.key));
    const result = await this.#track(lane.commit(batch, signal));
    if (result.kind === 'committed') this.#size.committed(batch);
    return result;
  }

  /** An estimate (see `SizeEstimate`). Takes as long as reading everything does, when it is asked for the first time. */
  async sizeBytes(): Promise<number> {
    this.#assertOpen();
    return await this.#track(this.#size.bytes());
  }

  /** TiKV gives space back by itself, once the versions are older than the safe point; only the figure is renewed. */
  // Async so that what it throws becomes a rejection, as the contract has it.
  // eslint-disable-next-line @typescript-eslint/require-await
  async compact(): Promise<void> {
    this.#assertOpen();
    this.#size.renew();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const cancel = this.#environment.scheduler.after(this.#limits.closeMs, () => this.#ended.abort());
    await Promise.allSettled([...this.#underWay]);
    cancel();
    this.#ended.abort();
    for (const lane of this.#lanes.values()) await lane.idle();
    await this.#client.close();
  }

  async #snapshot(isClosed: () => boolean): Promise<Snapshot> {
    const { clock } = this.#environment;
    const takenMs = clock.nowMs();
    const gate = {
      ...{ isClosed, signal: this.#ended.signal },
      track: <T>(promise: Promise<T>) => this.#track(promise),
    };
    try {
      const snapshot = await this.#client.snapshot();
      return new TikvEngineSnapshot(gate, snapshot, this.#keeper.keep(snapshot.timestamp, takenMs));
    } catch (error) {
      throw engineError('read', error);
    }
  }

  #lane(name: string): CommitLane {
    const found = this.#lanes.get(name);
    // Used last, so that it is dropped last.
    this.#lanes.delete(name);
    const lane =
      found ?? new CommitLane({ ...this.#environment, client: this.#client, limits: this.#limits });
    for (const [other, { waiting }] of this.#lanes) {
      if (this.#lanes.size < LANES_MAX) break;
      if (waiting === 0) this.#lanes.delete(other);
    }
    this.#lanes.set(name, lane);
    return lane;
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#underWay.add(promise);
    const done = () => this.#underWay.delete(promise);
    promise.then(done, done);
    return promise;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError('engine');
  }
}

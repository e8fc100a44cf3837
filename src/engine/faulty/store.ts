import { assert } from '../../base/index.ts';
import type { Bytes, Random, Scheduler } from '../../base/index.ts';
import type { Batch, CommitResult, Engine, Snapshot, Write } from '../index.ts';
import type { FaultPlan, Landing } from './plan.ts';

export interface FaultyStoreOptions {
  /** What the commits really go to. */
  readonly inner: Engine;
  /** Runs what happens at the store: it outlives the callers, so give it an owner of its own in the simulator. */
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly plan: FaultPlan;
  /**
   * When what has landed is safe from `crash`:
   * - `answered`: once a commit that landed with it or after it is answered, or it has been read. So an acknowledged
   *   commit is never lost, and an uncertain one may be.
   * - `asked`: when `sync` is called, which an engine that does not sync its writes does now and then: acknowledged
   *   commits are lost, and the checkers must find it.
   * @default 'answered'
   */
  readonly durability?: 'answered' | 'asked';
}

/** One landed commit that a crash may take back. */
interface Undo {
  readonly writes: readonly Write[];
}
interface Waiting {
  readonly batch: Batch;
  commitsLeft: number;
}

const NEVER_ABORTED = new AbortController().signal;

/**
 * A store that faults are injected into, by a plan, around a real engine. Its callers are `FaultyEngine`s: one for
 * an embedded store, several for a shared one.
 *
 * 1. Landings happen one after the other; each is one commit of the inner engine, judged at that instant.
 * 2. A landing is scheduled on the store's scheduler, an answer on the caller's: a caller that is killed in the
 *    simulator is never answered, and what it sent lands all the same.
 * 3. `crash` takes back a random number of the newest landings that are not safe, and whatever was still to land.
 */
export class FaultyStore {
  readonly inner: Engine;
  readonly random: Random;
  /** Changes from outside take effect with the next call. */
  plan: FaultPlan;
  /** Told of every commit that lands, at that instant. For checkers. */
  onLanded: (writes: readonly Write[]) => void = () => undefined;
  readonly #scheduler: Scheduler;
  readonly #durability: 'answered' | 'asked';
  readonly #unsafe: Undo[] = [];
  #waiting: Waiting[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #generation = 0;

  constructor(options: FaultyStoreOptions) {
    this.inner = options.inner;
    this.#scheduler = options.scheduler;
    this.random = options.random;
    this.plan = options.plan;
    this.#durability = options.durability ?? 'answered';
  }

  /** How often it has crashed; what was sent before a crash has nobody to be answered. */
  get generation(): number {
    return this.#generation;
  }

  /** How many landed commits a crash could take back now. */
  get unsafeCount(): number {
    return this.#unsafe.length;
  }

  /** Runs `run` at the store once `delayMs` have passed, unless it crashes before. No delay: within this call. */
  after(delayMs: number, run: () => void): void {
    const generation = this.#generation;
    const guarded = () => {
      if (generation === this.#generation) run();
    };
    if (delayMs <= 0) guarded();
    else this.#scheduler.after(delayMs, guarded);
  }

  /** Commits on the inner engine, behind all landings before. */
  land(batch: Batch): Promise<CommitResult> {
    const generation = this.#generation;
    return this.#exclusively(async () => {
      // Between being queued and its turn the store crashed: it is as if it had never arrived.
      if (generation !== this.#generation)
        return { kind: 'uncertain', cause: new Error('The store crashed') };
      const undo = await this.#undoOf(batch);
      const result = await this.inner.commit(batch, NEVER_ABORTED);
      if (result.kind === 'committed') {
        this.#unsafe.push(undo);
        this.onLanded(batch.writes);
        await this.#landWaiting();
      }
      return result;
    });
  }

  /** Lets an uncertain batch, which must not change any more, land when `landing` says so, whatever comes of it. */
  landSometime(batch: Batch, landing: Landing): void {
    switch (landing.when) {
      case 'never':
        return;
      case 'at once':
        void this.land(batch);
        return;
      case 'later':
        this.after(landing.delayMs, () => void this.land(batch));
        return;
      case 'after others':
        this.#waiting.push({ batch, commitsLeft: landing.commits });
        return;
    }
  }

  /** What has landed was answered or read: from now on it is there, if that is what durability goes by. */
  witnessed(): void {
    if (this.#durability === 'answered') this.sync();
  }

  /** All that has landed is safe. */
  sync(): void {
    this.#unsafe.length = 0;
  }

  async snapshot(): Promise<Snapshot> {
    await this.#last;
    const snapshot = await this.inner.snapshot();
    this.witnessed();
    return snapshot;
  }

  /** Waits for what is landing right now. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /**
   * The store stops and starts again: calls under way are never answered, nothing that was sent lands any more, and a
   * random number of the newest unsafe commits is gone. Engines connected before are of no use afterwards.
   *
   * @returns how many landed commits were taken back
   */
  crash(): Promise<number> {
    this.#generation++;
    this.#waiting = [];
    return this.#exclusively(async () => {
      const lost = Math.floor(this.random.next() * (this.#unsafe.length + 1));
      const undone = this.#unsafe.splice(this.#unsafe.length - lost, lost);
      this.sync();
      for (const { writes } of undone.toReversed()) {
        const result = await this.inner.commit({ conditions: [], writes }, NEVER_ABORTED);
        assert(result.kind === 'committed', 'the inner engine injects no faults of its own');
      }
      return lost;
    });
  }

  async #landWaiting(): Promise<void> {
    for (const waiting of this.#waiting) waiting.commitsLeft--;
    const due = this.#waiting.filter(({ commitsLeft }) => commitsLeft <= 0);
    this.#waiting = this.#waiting.filter(({ commitsLeft }) => commitsLeft > 0);
    for (const { batch } of due) {
      const undo = await this.#undoOf(batch);
      const result = await this.inner.commit(batch, NEVER_ABORTED);
      if (result.kind !== 'committed') continue;
      this.#unsafe.push(undo);
      this.onLanded(batch.writes);
    }
  }

  async #undoOf(batch: Batch): Promise<Undo> {
    await using snapshot = await this.inner.snapshot();
    const writes: Write[] = [];
    for (const { key } of batch.writes) {
      writes.push({ key: Buffer.from(key), value: await snapshot.get(key) });
    }
    return { writes };
  }

  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    // Its failure is the caller's to handle; the next turn goes on.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** A copy that the caller of a commit cannot change. */
export function copyBatch(batch: Batch): Batch {
  const copy = (bytes: Bytes): Bytes => Buffer.from(bytes);
  return {
    conditions: batch.conditions.map((condition) =>
      condition.is === 'absent'
        ? { key: copy(condition.key), is: 'absent' }
        : { key: copy(condition.key), is: 'equal', value: copy(condition.value) },
    ),
    writes: batch.writes.map(({ key, value }) => ({
      key: copy(key),
      value: value === undefined ? undefined : copy(value),
    })),
  };
}

import type { Scheduler } from '../../base/index.ts';
import { admitBatch, closedError, EngineError } from '../index.ts';
import type { Batch, Capabilities, CommitResult, Engine, KeyRange, Snapshot } from '../index.ts';
import type { CommitFate } from './plan.ts';
import { FaultySnapshot } from './snapshot.ts';
import { copyBatch } from './store.ts';
import type { FaultyStore } from './store.ts';

/**
 * One caller's engine on a `FaultyStore`. Promises that a crash of the store left behind never settle; calls after it
 * reject with `closed`. Closing it leaves the store and its inner engine open: they belong to who made them.
 */
export class FaultyEngine implements Engine {
  readonly #store: FaultyStore;
  readonly #name: string;
  readonly #scheduler: Scheduler;
  readonly #generation: number;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  /**
   * @param name what the plan knows this caller by
   * @param scheduler answers its calls, so it is the caller's own in the simulator
   */
  constructor(store: FaultyStore, name: string, scheduler: Scheduler) {
    this.#store = store;
    this.#name = name;
    this.#scheduler = scheduler;
    this.#generation = store.generation;
  }

  get capabilities(): Capabilities {
    return this.#store.inner.capabilities;
  }

  async snapshot(): Promise<Snapshot> {
    this.#assertOpen();
    return await this.#track(
      this.delayedRead(async () => {
        const inner = await this.#store.snapshot();
        return new FaultySnapshot(this, inner);
      }),
    );
  }

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.#assertOpen();
    admitBatch(batch, signal, this.capabilities);
    const fate = this.#store.plan.commit(this.#store.random, this.#name);
    return await this.#track(this.#meet(fate, batch));
  }

  async sizeBytes(): Promise<number> {
    this.#assertOpen();
    return await this.#track(this.#store.inner.sizeBytes());
  }

  async compact(range?: KeyRange): Promise<void> {
    this.#assertOpen();
    await this.#track(this.#store.inner.compact(range));
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#isAlive) await Promise.allSettled(this.#underWay);
    await this.#store.idle();
  }

  get isClosed(): boolean {
    return this.#closed || !this.#isAlive;
  }

  /** Runs `read` half of its delay after the call, and answers after the other half; or refuses it, as the plan has it. */
  delayedRead<T>(read: () => Promise<T>): Promise<T> {
    const fate = this.#store.plan.read(this.#store.random, this.#name);
    const halfMs = fate.delayMs / 2;
    return new Promise((resolve, reject) => {
      const refuse = (reason: Error) => this.#answer(halfMs, () => reject(reason));
      this.#store.after(halfMs, () => {
        if (fate.kind === 'refused') refuse(injected('read'));
        else read().then((value) => this.#answer(halfMs, () => resolve(value)), refuse);
      });
    });
  }

  #meet(fate: CommitFate, batch: Batch): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      switch (fate.kind) {
        case 'refused':
          return this.#answer(fate.delayMs, () => reject(injected('commit')));
        case 'uncertain': {
          const cause = injected('commit');
          this.#answer(fate.answerMs, () => resolve({ kind: 'uncertain', cause }));
          return this.#store.landSometime(copyBatch(batch), fate.landing);
        }
        case 'answered':
          return this.#store.after(fate.delayMs, () => {
            const refuse = (reason: Error) => this.#answer(fate.answerMs, () => reject(reason));
            this.#store.land(batch).then((result) => {
              if (!this.#isAlive) return;
              this.#store.witnessed();
              this.#answer(fate.answerMs, () => resolve(result));
            }, refuse);
          });
      }
    });
  }

  /** On the caller's scheduler, so that a killed caller hears nothing; at once only where nothing is delayed. */
  #answer(delayMs: number, run: () => void): void {
    if (!this.#isAlive) return;
    if (delayMs <= 0) return run();
    this.#scheduler.after(delayMs, () => {
      if (this.#isAlive) run();
    });
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#underWay.add(promise);
    const done = () => this.#underWay.delete(promise);
    promise.then(done, done);
    return promise;
  }

  get #isAlive(): boolean {
    return this.#store.generation === this.#generation;
  }

  #assertOpen(): void {
    if (this.isClosed) throw closedError('engine');
  }
}

function injected(action: 'commit' | 'read'): EngineError {
  return new EngineError('unavailable', `Cannot ${action}: a fault was injected`);
}

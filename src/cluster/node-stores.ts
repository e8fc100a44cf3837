import { pause } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import type { Deposition } from '../log/index.ts';
import { LogError } from '../log/index.ts';
import type { Store } from '../store/index.ts';
import type { PeerChunk } from '../wire/peer-message.ts';
import type { StoreListener } from './cluster-node-options.ts';
import { isCorruption } from './corruption.ts';
import { ServedStore } from './served-store.ts';
import type { ServedStoreParts } from './served-store.ts';

/** After an engine that answered, but with nothing that could be used. */
const RETRY_MS = 1000;

export interface NodeStoresOptions extends Omit<ServedStoreParts, 'swept'> {
  /** Whether this node follows now: then a new store does so at once. */
  readonly isFollowing: () => boolean;
  /** The lead has committed; from `Store.onCommit`. */
  readonly committed: (chunks: readonly PeerChunk[]) => void;
  /** This node leads no more; called before the calls of the lead end. */
  readonly deposed: (why: Deposition) => void;
}

/**
 * The store that serves, and, after a sweep has passed it, the one that takes its place.
 *
 * 1. What is announced and pushed goes to both.
 * 2. The next one takes the place of the other when it may be shown and is no older, or when this node comes to lead.
 */
export class NodeStores {
  readonly #options: NodeStoresOptions;
  readonly #listeners: StoreListener[] = [];
  #served!: ServedStore;
  #next: ServedStore | undefined;
  #renewing: Promise<void> | undefined;
  #isStopped = false;
  #announced = 0;
  #untilReadable: (() => void)[] = [];

  constructor(options: NodeStoresOptions) {
    this.#options = options;
  }

  /** The one that serves now; only after `open`. */
  get store(): Store {
    return this.#served.store;
  }

  /** The highest sequence that is committed as far as this node has heard. */
  get announced(): number {
    return Math.max(this.#announced, this.store.sequence);
  }

  /** A log that has not begun tells neither this node's id nor the cluster's. */
  get isReadable(): boolean {
    return this.store.readable && this.store.clusterId !== 0n;
  }

  /** Reads the log. Rejects as `ServedStore.open`. */
  async open(): Promise<void> {
    this.#served = await this.#open();
  }

  /** `listener` runs when another store has taken the place of the one before. */
  onStore(listener: StoreListener): void {
    this.#listeners.push(listener);
  }

  whenReadable(): Promise<void> {
    if (this.isReadable) return Promise.resolve();
    return new Promise((resolve) => this.#untilReadable.push(resolve));
  }

  /** Somebody else leads, or nobody: what comes from a leader is applied. */
  follow(): void {
    this.#served.follower.start();
    this.#next?.follower.start();
  }

  /** A whole commit that the leader has pushed. */
  commit(chunks: readonly PeerChunk[]): void {
    this.#served.follower.commit(chunks);
    this.#next?.follower.commit(chunks);
  }

  /** A leader that holds its lease has committed everything up to here. */
  announce(sequence: number): void {
    this.#announced = Math.max(this.#announced, sequence);
    this.#served.follower.announce(sequence);
    const next = this.#next;
    if (next !== undefined) {
      next.follower.announce(this.#announced);
      const isNewer = next.store.sequence >= this.#served.store.sequence;
      if (next.store.readable && isNewer) this.#replace(next);
    }
    this.checkReadable();
  }

  /** Tells who waits in `whenReadable`, if the state is one that may be shown by now. */
  checkReadable(): void {
    if (this.#untilReadable.length === 0 || !this.isReadable) return;
    for (const resolve of this.#untilReadable.splice(0)) resolve();
  }

  /**
   * Takes the log over, maybe with another store than before. Nothing follows any more, whatever comes of it. Resolves to
   * whether this node leads: not when it must read the whole log anew, which takes too long to have the others wait.
   * Rejects as `Store.lead`.
   */
  async lead(epoch: number): Promise<boolean> {
    await Promise.all([this.#served.follower.stop(), this.#next?.follower.stop()]);
    if (this.#renewing !== undefined) return false;
    const served = this.#next ?? this.#served;
    try {
      const isLeading = await served.store.lead(epoch);
      if (isLeading && served === this.#next) this.#replace(served);
      return isLeading;
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'log-swept') throw error;
      this.#swept(served);
      return false;
    }
  }

  /** The store that serves goes on with what it has: nothing more is applied to it, and none takes its place. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#served.follower.retire(), this.#dropNext()]);
  }

  async #open(): Promise<ServedStore> {
    const { deposed, committed } = this.#options;
    const swept = (): void => this.#swept(served);
    const served: ServedStore = await ServedStore.open({ ...this.#options, swept });
    served.store.onDeposed(deposed);
    served.store.onCommit((_revision, chunks) => {
      if (chunks.length > 0) committed(chunks);
    });
    return served;
  }

  /** A sweep has passed what this store has not applied: the whole log is read into a new one, one at a time. */
  #swept(passed: ServedStore): void {
    // The sweep may have passed the next one, too, before it could be shown.
    if (passed === this.#next) void this.#dropNext();
    if (this.#next !== undefined || this.#isStopped) return;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
  }

  async #dropNext(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    await Promise.all([next?.follower.retire(), next?.store.close()]);
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    const { scheduler, signal } = this.#options.store;
    while (!(await this.#isRenewed())) await pause(scheduler, RETRY_MS, signal);
  }

  /** Whether that is over, well or not; else it is tried again, and the old store goes on with what it has. */
  async #isRenewed(): Promise<boolean> {
    const { store, corrupt, failed } = this.#options;
    try {
      await this.#renewed(await this.#open());
    } catch (error) {
      if (this.#isStopped || store.signal?.aborted === true) return true;
      if (isCorruption(error)) corrupt(error);
      else if (error instanceof EngineError && error.code !== 'closed') {
        store.logger.error('cannot read the log anew, it is tried again', { error, waitMs: RETRY_MS });
        return false;
      } else failed(error);
    }
    return true;
  }

  async #renewed(next: ServedStore): Promise<void> {
    if (this.#isStopped) return next.store.close();
    this.#next = next;
    if (this.#options.isFollowing()) next.follower.start();
    this.announce(0);
  }

  #replace(next: ServedStore): void {
    const before = this.#served;
    this.#served = next;
    this.#next = undefined;
    for (const listener of this.#listeners) listener(next.store);
    void before.follower.retire();
    void before.store.close();
    this.#options.store.logger.info('the state was read anew: a sweep had passed the old one', {
      revision: next.store.revision,
    });
  }
}

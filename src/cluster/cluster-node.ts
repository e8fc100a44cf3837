import { assert, EMPTY_BYTES } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';
import { Store, storeError } from '../store/index.ts';
import { Alone } from './alone.ts';
import type { ClusterMember, ClusterNodeApi, ForwardedAnswer } from './cluster-node-api.ts';
import type { ClusterNodeOptions, StoreListener } from './cluster-node-options.ts';
import type { LeadClaim } from './lead-claim.ts';

/** One node of a cluster, in whatever role it has at the moment. */
export class ClusterNode implements ClusterNodeApi {
  readonly #options: ClusterNodeOptions;
  readonly #claim: LeadClaim;
  readonly #storeListeners: StoreListener[] = [];
  readonly #lostListeners: (() => void)[] = [];
  readonly #begun = { resolve: (): void => undefined, reject: (_error: unknown): void => undefined };
  #store: Store;
  #leaderChanges = 0;
  #closing: Promise<void> | undefined;

  /** Reads the log, and takes part. Rejects with LogError, EngineError, and whatever aborted `store.signal`. */
  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    assert(options.network === undefined, 'several nodes need a network');
    let node: ClusterNode | undefined;
    const lease = { holds: () => node?.holds() === true };
    const store = await Store.follow({ ...options.store, lease });
    node = new ClusterNode(options, store);
    await node.#begin();
    return node;
  }

  private constructor(options: ClusterNodeOptions, store: Store) {
    this.#options = options;
    this.#store = store;
    this.#claim = new Alone({
      scheduler: options.store.scheduler,
      epochInLog: () => this.#store.epoch,
      claimed: (epoch) => void this.#takeOver(epoch).then(this.#begun.resolve, this.#begun.reject),
    });
  }

  /** The one that serves now. */
  get store(): Store {
    return this.#store;
  }

  get memberId(): bigint {
    return this.clusterId === 0n ? 0n : this.#store.memberId(this.#options.store.name);
  }
  get clusterId(): bigint {
    return this.#store.clusterId;
  }
  get leads(): boolean {
    return this.#store.leads;
  }
  get leaderChanges(): number {
    return this.#leaderChanges;
  }
  get leaderId(): bigint {
    return this.leads ? this.memberId : 0n;
  }

  /** Whether this node has the lease. */
  holds(): boolean {
    return this.#claim.holds();
  }

  hasLeader(): boolean {
    return this.leads;
  }

  onLeaderLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** `listener` runs when another store has taken the place of the one before: readers and watchers begin anew on it. */
  onStore(listener: StoreListener): void {
    this.#storeListeners.push(listener);
  }

  members(): readonly ClusterMember[] {
    const { store, peerUrls, clientUrls } = this.#options;
    return [{ id: this.memberId, name: store.name, peerUrls, clientUrls }];
  }

  /** Resolves once the state may be shown: a leader has announced what was found at the start. */
  whenReadable(): Promise<void> {
    return Promise.resolve();
  }

  forward(method: string, request: Bytes, done: (answer: ForwardedAnswer) => void): void {
    if (this.leads) return this.#options.serve({ member: this.memberId, method, request }, done);
    const { grpcCode, message } = storeError('NoLeader');
    this.#options.store.scheduler.soon(() => done({ code: grpcCode, message, body: EMPTY_BYTES }));
  }

  moveLeader(_target: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    this.#options.store.scheduler.soon(() => done('BadLeaderTransferee'));
  }

  /** Proposals are committed, and the store is closed. The engine stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#store.close();
    await this.#claim.stop();
  }

  /** Ends when this node leads. */
  #begin(): Promise<void> {
    const begun = new Promise<void>((resolve, reject) => {
      this.#begun.resolve = resolve;
      this.#begun.reject = reject;
    });
    this.#claim.start();
    return begun;
  }

  async #takeOver(epoch: number): Promise<void> {
    if (await this.#store.lead(epoch)) this.#leaderChanges++;
    else await this.#claim.release('');
  }
}

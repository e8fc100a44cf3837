import type { Bytes } from '../base/index.ts';
import { assert, pause } from '../base/index.ts';
import type { Store, StoreErrorCode } from '../store/index.ts';
import type { ClusterMember, ClusterNodeApi, ForwardedAnswer } from './cluster-node-api.ts';
import type { ClusterNodeOptions, StoreListener } from './cluster-node-options.ts';
import { ClusterError } from './errors.ts';
import { planted } from './faults.ts';
import type { MemberFacts } from './members.ts';
import { NodeParts } from './node-parts.ts';
import { NodeRole } from './node-role.ts';

const CLOSE_MS_MAX = 1000;

/** One node of a cluster: what the services ask of it, its start and its end. `NodeRole` decides when it leads. */
export class ClusterNode implements ClusterNodeApi {
  readonly #options: ClusterNodeOptions;
  readonly #parts: NodeParts;
  readonly #role: NodeRole;
  #closing: Promise<void> | undefined;

  /**
   * Registers this node, reads the log, and takes part. Rejects with ClusterError, LogError, EngineError, and whatever
   * aborted `store.signal`.
   */
  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    const node = new ClusterNode(options);
    await node.#start();
    return node;
  }

  private constructor(options: ClusterNodeOptions) {
    const { network, store } = options;
    // Two nodes that each believe to be the only one would take the lead from one another without end.
    assert(
      store.engine.capabilities.shared === (network !== undefined),
      'whoever shares an engine has peers',
    );
    this.#options = options;
    this.#parts = new NodeParts(options, () => this.#role);
    this.#role = new NodeRole(options, this.#parts);
  }

  /** The one that serves now. */
  get store(): Store {
    return this.#parts.stores.store;
  }
  get memberId(): bigint {
    return this.#idOf(this.#options.store.name);
  }
  get clusterId(): bigint {
    return this.store.clusterId;
  }
  get leads(): boolean {
    return this.store.leads;
  }
  get leaderChanges(): number {
    return this.#parts.news.changes;
  }
  get leaderId(): bigint {
    if (!this.hasLeader()) return 0n;
    if (this.leads) return this.memberId;
    const { name } = this.#parts.news;
    return name === undefined ? 0n : this.#idOf(name);
  }
  /** How many nodes follow this one, by links that get its commits. */
  get followers(): number {
    return this.#parts.peers?.replicator.followers ?? 0;
  }

  /** What has become of reads that asked the leader how far it is, since the start. */
  get readIndexes(): { readonly failed: number; readonly timeouts: number } {
    const { failed, timeouts } = this.#parts.asker;
    return { failed, timeouts };
  }

  /** The highest sequence that is committed as far as this node has heard. */
  get announced(): number {
    return this.#parts.stores.announced;
  }

  /** Also a node that leads has lost its leader when it cannot renew its lease: another may lead by then. */
  hasLeader(): boolean {
    const { peers, news } = this.#parts;
    if (planted(this.#options.store.faults, 'leader-by-record') && news.name !== undefined) return true;
    return peers === undefined ? this.leads : news.isFresh;
  }

  onLeaderLost(listener: () => void): void {
    if (planted(this.#options.store.faults, 'keep-streams-without-leader')) return;
    this.#parts.news.onLost(() => {
      if (!this.hasLeader()) listener();
    });
  }

  /** `listener` runs when another store has taken the place of the one before: readers and watchers begin anew on it. */
  onStore(listener: StoreListener): void {
    this.#parts.stores.onStore(listener);
  }

  members(): readonly ClusterMember[] {
    return this.#facts().map(({ name, peerUrls, clientUrls }) => {
      return { id: this.#idOf(name), name, peerUrls, clientUrls };
    });
  }

  /** Resolves once the state may be shown: a leader has announced what was found at the start, or this node leads. */
  whenReadable(): Promise<void> {
    return this.#parts.stores.whenReadable();
  }

  forward(method: string, request: Bytes, done: (answer: ForwardedAnswer) => void): void {
    this.#parts.forwarder.forward(method, request, done);
  }

  moveLeader(target: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    const { scheduler } = this.#options.store;
    const member = this.#facts().find(({ name }) => this.#idOf(name) === target);
    if (!this.leads) scheduler.soon(() => done('NotLeader'));
    else if (member === undefined) scheduler.soon(() => done('BadLeaderTransferee'));
    else if (target === this.memberId) scheduler.soon(() => done(undefined));
    // It is listed, and dead or cut off: the lead would go to nobody for as long as the others stand back for it.
    else if (this.#parts.peers?.replicator.isFollowedBy(member.incarnation) !== true)
      scheduler.soon(() => done('BadLeaderTransferee'));
    else void this.#role.moveLeader(member, done);
  }

  /**
   * Proposals are committed, the lead is handed over, the registration removed, the store closed: what an engine that hangs
   * has not done within a second is left behind. The engine stays open.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const done = new AbortController();
    const late = pause(this.#options.store.scheduler, CLOSE_MS_MAX, done.signal);
    await Promise.race([this.#role.close(), late]);
    await Promise.race([this.#parts.close(), late]);
    done.abort();
  }

  async #start(): Promise<void> {
    const { network, store } = this.#options;
    const { peers, stores } = this.#parts;
    const members = peers?.members;
    const abort = (): void => void members?.stop();
    store.signal?.addEventListener('abort', abort);
    try {
      await members?.start();
      await stores.open();
    } catch (error) {
      await members?.stop();
      if (error instanceof ClusterError && error.code === 'members-stopped') store.signal?.throwIfAborted();
      throw error;
    } finally {
      store.signal?.removeEventListener('abort', abort);
    }
    if (peers !== undefined) network?.accept((link) => peers.replicator.accept(link));
    await this.#role.begin();
  }

  #facts(): readonly MemberFacts[] {
    const { store, peerUrls, clientUrls } = this.#options;
    const self = { name: store.name, incarnation: '', peerUrls, clientUrls };
    return this.#parts.peers?.members.list() ?? [self];
  }

  #idOf(name: string): bigint {
    return this.clusterId === 0n ? 0n : this.store.memberId(name);
  }
}

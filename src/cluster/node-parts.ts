import type { Deposition, LogError } from '../log/index.ts';
import type { Store, StoreOptions } from '../store/index.ts';
import { Alone } from './alone.ts';
import type { ClusterNodeOptions } from './cluster-node-options.ts';
import { NO_FAULTS, planted } from './faults.ts';
import { Forwarder } from './forwarder.ts';
import { HeadCheck } from './head-check.ts';
import type { LeadClaim } from './lead-claim.ts';
import { LeadProof } from './lead-proof.ts';
import { LeaderLease } from './leader-lease.ts';
import { LeaderLink } from './leader-link.ts';
import type { LeaderLinkListener, LeaderWay } from './leader-link.ts';
import { LeaderNews } from './leader-news.ts';
import type { LeaderRecord } from './leader-record.ts';
import { LeaderTouch } from './leader-touch.ts';
import { Members } from './members.ts';
import { NodeStores } from './node-stores.ts';
import type { PeerNetwork } from './peer-network.ts';
import { ReadIndexAsker } from './read-index.ts';
import { Replicator } from './replicator.ts';

const REQUEST_TIMEOUT_MS = 7000;
/** etcd's `hasleader` streams end, and calls fail, after three lease times without a leader. */
const SILENT_LEASES = 3;

const NO_LEADER: LeaderWay = { isReady: false, send: () => true, fail: () => undefined };

/** What the parts tell `NodeRole`. */
export interface NodeEvents {
  /** This node has the lease, with an epoch above all before. */
  claimed(): void;
  renewed(): void;
  lost(): void;
  /** This node goes on writing, though its lease has not been renewed for long. */
  overdue(): void;
  /** Another holds the lease, as far as is known. */
  follows(record: LeaderRecord): void;
  /** Whether this node follows now. */
  isFollowing(): boolean;
  /** This node leads no more; called before the calls of the lead end. */
  deposed(why: Deposition): void;
  /** What is stored is less than what is applied, or other, or damaged. */
  corrupt(error: LogError): void;
}

/** Where nobody shares the engine there is nobody to talk to. */
interface Peers {
  readonly link: LeaderLink;
  readonly replicator: Replicator;
  readonly members: Members;
}

/** What a node is made of, put together: each knows of the others only what it is handed here. */
export class NodeParts {
  readonly requestTimeoutMs: number;
  readonly news: LeaderNews;
  readonly claim: LeadClaim;
  readonly proof: LeadProof;
  readonly stores: NodeStores;
  readonly asker: ReadIndexAsker;
  readonly forwarder: Forwarder;
  readonly peers: Peers | undefined;
  readonly #options: ClusterNodeOptions;
  readonly #events: () => NodeEvents;
  readonly #incarnation: string;

  /** `events` is asked when something has happened, not before. */
  constructor(options: ClusterNodeOptions, events: () => NodeEvents) {
    this.#options = options;
    this.#events = events;
    const { clock, scheduler, random, faults = NO_FAULTS } = options.store;
    const { network, leaseMs, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
    this.requestTimeoutMs = requestTimeoutMs;
    this.#incarnation = network === undefined ? '' : random.next63().toString(16);
    this.news = new LeaderNews(new LeaderTouch(clock, scheduler, leaseMs * SILENT_LEASES));
    this.claim = this.#newClaim();
    this.proof = new LeadProof(this.claim, this.#newHeadCheck(), this.#store);
    const link = network === undefined ? undefined : this.#newLink(network);
    const asking = { clock, scheduler, requestTimeoutMs, link: link ?? NO_LEADER };
    this.asker = new ReadIndexAsker({ ...asking, faults });
    this.forwarder = new Forwarder({ ...asking, member: this.#member });
    if (link !== undefined)
      this.peers = { link, replicator: this.#newReplicator(), members: this.#newMembers() };
    this.stores = this.#newStores();
  }

  /** The node cannot go on. */
  readonly failed = (error: unknown): void => {
    this.#options.store.logger.error('this node cannot go on', { error });
    this.#options.onFailed?.(error instanceof Error ? error : new Error(String(error)));
  };

  /** Ends all but the store that serves, which `NodeRole` has closed by now. */
  async close(): Promise<void> {
    const { link, members } = this.peers ?? {};
    link?.leave();
    this.forwarder.close();
    this.asker.close();
    this.proof.close();
    await Promise.all([this.claim.stop(), members?.stop(), this.stores.stop()]);
  }

  readonly #store = (): Store => this.stores.store;

  readonly #member = (): bigint => {
    const { store } = this.stores;
    return store.clusterId === 0n ? 0n : store.memberId(this.#options.store.name);
  };

  #newClaim(): LeadClaim {
    const { engine, keyspace, name, clock, scheduler, random, logger } = this.#options.store;
    const { network, leaseMs, renewMs, peerUrls } = this.#options;
    const epochInLog = (): number => this.stores.store.epoch;
    const claimed = (): void => this.#events().claimed();
    if (network === undefined) return new Alone({ scheduler, epochInLog, claimed });
    return new LeaderLease(
      {
        ...{ engine, clock, scheduler, random, logger, leaseMs, renewMs, epochInLog },
        key: Buffer.from(`engram/${keyspace}/leader`),
        self: { holder: this.#incarnation, name, peerUrls },
      },
      {
        claimed,
        renewed: () => this.#events().renewed(),
        lost: () => this.#events().lost(),
        follows: (record) => this.#events().follows(record),
      },
    );
  }

  #newHeadCheck(): HeadCheck | undefined {
    const { network, linearizableReads } = this.#options;
    if (network === undefined || linearizableReads !== 'engine') return undefined;
    const { engine, keyspace, clock, scheduler } = this.#options.store;
    const { requestTimeoutMs } = this;
    return new HeadCheck({ engine, keyspace, clock, scheduler, requestTimeoutMs, store: this.#store });
  }

  #newReplicator(): Replicator {
    const { clock, scheduler, logger, faults = NO_FAULTS } = this.#options.store;
    const { serve } = this.#options;
    return new Replicator({
      ...{ incarnation: this.#incarnation, store: this.#store, lease: this.proof },
      ...{ serve, clock, scheduler, logger, faults },
      ...(this.proof.isByHead && { confirm: { ask: this.proof.confirm } }),
    });
  }

  #newMembers(): Members {
    const { engine, keyspace, clock, scheduler, random, logger, name, chunkFormat } = this.#options.store;
    const { peerUrls, clientUrls } = this.#options;
    return new Members({
      ...{ engine, keyspace, clock, scheduler, random, logger },
      self: { name, incarnation: this.#incarnation, peerUrls, clientUrls },
      knows: chunkFormat?.knows ?? 1,
      onRefused: this.failed,
    });
  }

  #newStores(): NodeStores {
    const { asker, proof, requestTimeoutMs } = this;
    return new NodeStores({
      store: this.#storeOptions(),
      index: this.peers && { always: proof.isByHead, ask: (done) => asker.ask(done) },
      ...{ requestTimeoutMs, faults: this.#options.store.faults ?? NO_FAULTS },
      isFollowing: () => this.#events().isFollowing(),
      committed: (chunks) => {
        this.peers?.replicator.committed(chunks);
        if (this.claim.isOverdue()) this.#events().overdue();
      },
      deposed: (why) => this.#events().deposed(why),
      corrupt: (error) => this.#events().corrupt(error),
      failed: this.failed,
    });
  }

  #storeOptions(): StoreOptions {
    const { store } = this.#options;
    const { peers, proof } = this;
    const knows = store.chunkFormat?.knows ?? 1;
    const isOfOne = planted(store.faults, 'format-of-one');
    return {
      ...store,
      lease: proof,
      ...(proof.isByHead && { confirm: proof.confirm }),
      ...(peers !== undefined && {
        chunkFormat: { knows, writes: () => (isOfOne ? knows : Math.min(knows, peers.members.writes())) },
      }),
    };
  }

  #newLink(network: PeerNetwork): LeaderLink {
    const { clock, scheduler, random, logger, name } = this.#options.store;
    return new LeaderLink({
      ...{ network, clock, scheduler, random, logger },
      self: { incarnation: this.#incarnation, name, member: this.#member },
      listener: this.#linkListener(),
    });
  }

  #linkListener(): LeaderLinkListener {
    const announced = (sequence: number): void => {
      // Without its lease a leader announces nothing: another may lead.
      if (sequence > 0) this.news.heard();
      this.stores.announce(sequence);
    };
    return {
      ready: (epoch) => {
        this.news.ledBy(epoch);
        this.asker.linkReady();
        this.forwarder.linkReady();
      },
      ended: (how) => {
        this.asker.linkEnded();
        this.forwarder.linkEnded(how);
        // The node behind it may have gone, or lead no more.
        this.claim.look();
      },
      drained: () => this.forwarder.drained(),
      commit: ({ chunks, announced: sequence }) => {
        this.stores.commit(chunks);
        announced(sequence);
      },
      announce: (_epoch, sequence) => announced(sequence),
      index: (message) => {
        if (message.sequence !== undefined) this.news.heard();
        this.asker.answered(message);
      },
      answers: (message) => this.forwarder.answers(message),
      // What the leader has said with it, about calls that it did not look at, comes first.
      released: () => this.#options.store.scheduler.soon(() => this.claim.look()),
    };
  }
}

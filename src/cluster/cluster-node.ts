import type { Bytes } from '../base/index.ts';
import { pause } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import { LogError } from '../log/index.ts';
import type { Store, StoreErrorCode, StoreOptions } from '../store/index.ts';
import { Alone } from './alone.ts';
import type { ClusterMember, ClusterNodeApi, ForwardedAnswer } from './cluster-node-api.ts';
import type { ClusterNodeOptions, StoreListener } from './cluster-node-options.ts';
import { ClusterError } from './errors.ts';
import { NO_FAULTS, planted } from './faults.ts';
import { Forwarder } from './forwarder.ts';
import { HeadCheck } from './head-check.ts';
import type { LeadClaim } from './lead-claim.ts';
import { LeaderLease } from './leader-lease.ts';
import { LeaderLink } from './leader-link.ts';
import type { LeaderWay } from './leader-link.ts';
import type { LeaderRecord } from './leader-record.ts';
import { LeaderTouch } from './leader-touch.ts';
import { Members } from './members.ts';
import type { MemberFacts } from './members.ts';
import type { PeerNetwork } from './peer-network.ts';
import { ReadIndexAsker } from './read-index.ts';
import { Replicator } from './replicator.ts';
import { ServedStore } from './served-store.ts';

const REQUEST_TIMEOUT_MS = 7000;
/** etcd's `hasleader` streams end, and calls fail, after three lease times without a leader. */
const SILENT_LEASES = 3;
/** A lead that cannot be written down as given up by then ends by itself. */
const HAND_OVER_MS_MAX = 1000;

const NO_LEADER: LeaderWay = { isReady: false, send: () => true, fail: () => undefined };

/** Where nobody shares the engine there is nobody to talk to. */
interface Peers {
  readonly link: LeaderLink;
  readonly replicator: Replicator;
  readonly members: Members;
}

/**
 * One node of a cluster: follows whoever leads, and leads when it is this node's turn.
 *
 * 1. The store follows or leads, never both: what follows has stopped before the log is taken over, and the other way
 *    round.
 * 2. Whatever ends the lead (the lease, the fence, a hand-over), the node goes on as a follower; only a store that forgot
 *    ends that: then this node claims nothing any more.
 * 3. Calls and reads that wait for a leader are served here when this node comes to lead.
 */
export class ClusterNode implements ClusterNodeApi {
  readonly #options: ClusterNodeOptions;
  readonly #claim: LeadClaim;
  readonly #peers: Peers | undefined;
  readonly #asker: ReadIndexAsker;
  readonly #forwarder: Forwarder;
  readonly #headCheck: HeadCheck | undefined;
  readonly #touch: LeaderTouch;
  readonly #storeListeners: StoreListener[] = [];
  readonly #ended = new AbortController();
  #served!: ServedStore;
  /** Takes the place of `#served` once it may be shown. */
  #next: ServedStore | undefined;
  #renewing: Promise<void> | undefined;
  #record: LeaderRecord | undefined;
  #leaderEpoch = 0;
  #announcedTo = 0;
  #leaderName: string | undefined;
  #leaderChanges = 0;
  #changing: Promise<void> | undefined;
  #isHandingOver = false;
  #hasForgotten = false;
  #untilReadable: (() => void)[] = [];
  #untilLeader: (() => void)[] = [];
  /** Told why the only node could not begin. */
  #failStart: ((error: unknown) => void) | undefined;
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
    this.#options = options;
    const { clock, scheduler, random, logger, engine, keyspace, name } = options.store;
    const { network, leaseMs, renewMs, peerUrls, serve } = options;
    const requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    const faults = options.store.faults ?? NO_FAULTS;
    this.#touch = new LeaderTouch(clock, scheduler, leaseMs * SILENT_LEASES);
    const epochInLog = (): number => this.#served.store.epoch;
    const claimed = (): void => this.#change();
    const member = (): bigint => this.memberId;
    const timed = { clock, scheduler, requestTimeoutMs };
    if (network === undefined) {
      this.#claim = new Alone({ scheduler, epochInLog, claimed });
      this.#asker = new ReadIndexAsker({ ...timed, link: NO_LEADER, faults });
      this.#forwarder = new Forwarder({ ...timed, link: NO_LEADER, member });
      return;
    }
    const incarnation = random.next63().toString(16);
    const store = (): Store => this.#served.store;
    if (options.linearizableReads === 'engine')
      this.#headCheck = new HeadCheck({ ...timed, engine, keyspace, store });
    this.#claim = new LeaderLease(
      {
        ...{ engine, clock, scheduler, random, logger, leaseMs, renewMs, epochInLog },
        key: Buffer.from(`engram/${keyspace}/leader`),
        self: { holder: incarnation, name, peerUrls },
      },
      {
        claimed,
        renewed: () => this.#renewed(),
        lost: () => this.#served.store.depose(),
        follows: (record) => this.#follows(record),
      },
    );
    const link = this.#newLink(network, incarnation);
    const lease = { holds: () => this.#holds() };
    this.#asker = new ReadIndexAsker({ ...timed, link, faults });
    this.#forwarder = new Forwarder({ ...timed, link, member });
    const replicator = new Replicator({
      ...{ incarnation, store, lease, serve, scheduler, logger, faults },
      ...(this.#headCheck !== undefined && { confirm: { ask: this.#confirm } }),
    });
    this.#peers = { link, replicator, members: this.#newMembers(incarnation) };
  }

  /** The one that serves now. */
  get store(): Store {
    return this.#served.store;
  }
  get memberId(): bigint {
    return this.#idOf(this.#options.store.name);
  }
  get clusterId(): bigint {
    return this.#served.store.clusterId;
  }
  get leads(): boolean {
    return this.#served.store.leads;
  }
  get leaderChanges(): number {
    return this.#leaderChanges;
  }
  get leaderId(): bigint {
    if (!this.hasLeader()) return 0n;
    if (this.leads) return this.memberId;
    return this.#leaderName === undefined ? 0n : this.#idOf(this.#leaderName);
  }
  /** How many nodes follow this one, by links that get its commits. */
  get followers(): number {
    return this.#peers?.replicator.followers ?? 0;
  }

  /** The highest sequence that is committed as far as this node has heard. */
  get announced(): number {
    return Math.max(this.#announcedTo, this.store.sequence);
  }

  /** Also a node that leads has lost its leader when it cannot renew its lease: another may lead by then. */
  hasLeader(): boolean {
    return this.#peers === undefined ? this.leads : this.#touch.isFresh;
  }

  onLeaderLost(listener: () => void): void {
    this.#touch.onLost(() => {
      if (!this.hasLeader()) listener();
    });
  }

  /** `listener` runs when another store has taken the place of the one before: readers and watchers begin anew on it. */
  onStore(listener: StoreListener): void {
    this.#storeListeners.push(listener);
  }

  members(): readonly ClusterMember[] {
    return this.#facts().map(({ name, peerUrls, clientUrls }) => {
      return { id: this.#idOf(name), name, peerUrls, clientUrls };
    });
  }

  /** Resolves once the state may be shown: a leader has announced what was found at the start, or this node leads. */
  whenReadable(): Promise<void> {
    if (this.#isReadable) return Promise.resolve();
    return new Promise((resolve) => this.#untilReadable.push(resolve));
  }

  forward(method: string, request: Bytes, done: (answer: ForwardedAnswer) => void): void {
    this.#forwarder.forward(method, request, done);
  }

  moveLeader(target: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    const { scheduler } = this.#options.store;
    const member = this.#facts().find(({ name }) => this.#idOf(name) === target);
    if (!this.leads) scheduler.soon(() => done('NotLeader'));
    else if (member === undefined) scheduler.soon(() => done('BadLeaderTransferee'));
    else if (target === this.memberId) scheduler.soon(() => done(undefined));
    else void this.#moveLeader(member, done);
  }

  /** Proposals are committed, the lead is handed over, the registration removed, the store closed. The engine stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  // ---- Start and end

  async #start(): Promise<void> {
    const { signal } = this.#options.store;
    const members = this.#peers?.members;
    const abort = (): void => void members?.stop();
    signal?.addEventListener('abort', abort);
    try {
      await members?.start();
      this.#served = await this.#open();
    } catch (error) {
      await members?.stop();
      if (error instanceof ClusterError && error.code === 'members-stopped') signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    const { network } = this.#options;
    const { replicator } = this.#peers ?? {};
    if (replicator !== undefined) network?.accept((link) => replicator.accept(link));
    this.#follow();
    if (network === undefined) await this.#beginAlone();
    else this.#claim.start();
  }

  /** Ends when this node leads, or with why it cannot. */
  async #beginAlone(): Promise<void> {
    const failed = new Promise<void>((_resolve, reject) => (this.#failStart = reject));
    this.#claim.start();
    await Promise.race([this.whenReadable(), failed]);
    this.#failStart = undefined;
  }

  async #close(): Promise<void> {
    this.#ended.abort();
    const { replicator, members, link } = this.#peers ?? {};
    const led = this.leads;
    replicator?.standDown();
    await this.#changing;
    await this.#served.store.close();
    if (led) await this.#giveUp('');
    replicator?.end();
    link?.leave();
    this.#forwarder.close();
    this.#asker.close();
    this.#headCheck?.close();
    await Promise.all([this.#claim.stop(), members?.stop(), this.#served.follower.stop()]);
    await Promise.all([this.#next?.follower.retire(), this.#next?.store.close()]);
  }

  // ---- Roles

  /** The lease, or what stands for it where clocks are not trusted. */
  #holds(): boolean {
    return this.#headCheck === undefined ? this.#claim.holds() : this.#claim.epoch !== undefined;
  }

  #renewed(): void {
    this.#touch.heard();
    this.#served.store.leaseRenewed();
    this.#peers?.replicator.announce();
  }

  /** The claim has changed: this node takes the log over if it has it. */
  #change(): void {
    if (this.#changing !== undefined || this.#ended.signal.aborted) return;
    this.#changing = this.#takeOverAll().finally(() => {
      this.#changing = undefined;
      // A claim may have come while the last one was being given up.
      if (this.#claim.epoch !== undefined && !this.leads && !this.#isHandingOver) this.#change();
    });
  }

  async #takeOverAll(): Promise<void> {
    const epoch = this.#claim.epoch;
    if (epoch === undefined || this.leads) return;
    const { logger, faults } = this.#options.store;
    this.#peers?.link.leave();
    this.#peers?.replicator.claimed();
    if (faults !== undefined && planted(faults, 'serve-before-epoch')) this.#asker.serveLocally(this.#index);
    try {
      await this.#renewing;
      const isLeading = await this.#takeOver(epoch);
      if (isLeading && this.#claim.epoch === epoch) return this.#lead(epoch);
    } catch (error) {
      if (!(error instanceof EngineError || error instanceof LogError)) throw error;
      if (error instanceof LogError && error.code === 'log-forgotten') this.#forgot(error);
      else logger.error('cannot take the lead over', { error, epoch });
      this.#failStart?.(error);
    }
    this.#served.store.depose();
    this.#asker.serveLocally(undefined);
    this.#peers?.replicator.end();
    await this.#claim.release('');
    this.#follow();
  }

  /** Resolves to whether this node leads, maybe with another store than before. */
  async #takeOver(epoch: number): Promise<boolean> {
    const served = this.#next ?? this.#served;
    await Promise.all([this.#served.follower.stop(), served.follower.stop()]);
    try {
      const isLeading = await served.store.lead(epoch);
      if (isLeading && served === this.#next) this.#replace(served);
      return isLeading;
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'log-swept') throw error;
    }
    await this.#renew();
    return this.#next === undefined ? false : this.#takeOver(epoch);
  }

  #lead(epoch: number): void {
    const { logger, name } = this.#options.store;
    this.#heardOf(name, epoch);
    this.#peers?.members.isLeader(true);
    this.#peers?.replicator.lead(epoch);
    this.#asker.serveLocally(this.#index);
    this.#forwarder.serveLocally(this.#options.serve);
    this.#readable();
    logger.info('leads', { epoch, revision: this.store.revision });
  }

  /** The committed sequence of this node while it leads. */
  readonly #index = (done: (sequence: number | undefined) => void): void => {
    const sequence = (): number => this.#served.store.sequence;
    if (this.#headCheck === undefined) return done(this.#holds() ? sequence() : undefined);
    this.#confirm((refusal) => done(refusal === undefined ? sequence() : undefined));
  };

  /** By a read of the head instead of the lease. A head of another's epoch ends the lead before the lease is known lost. */
  readonly #confirm = (done: (refusal: StoreErrorCode | undefined) => void): void => {
    const { store } = this.#served;
    const { epoch } = store;
    this.#headCheck?.ask((refusal) => {
      if (refusal === 'LeaderChanged' && store.epoch === epoch) store.depose();
      done(refusal);
    });
  };

  /** This node leads no more; called before the calls of the lead end. */
  #deposed(why: 'fenced' | 'forgotten'): void {
    if (this.#closing !== undefined) return;
    this.#touch.heard();
    this.#peers?.members.isLeader(false);
    this.#asker.serveLocally(undefined);
    this.#forwarder.serveLocally(undefined);
    this.#options.store.logger.info('leads no more', { why });
    if (this.#isHandingOver) return;
    this.#peers?.replicator.end();
    if (why === 'forgotten') this.#forgot(undefined);
    else void this.#claim.release('');
    this.#follow();
  }

  #follow(): void {
    if (this.#hasForgotten || this.#ended.signal.aborted || this.leads) return;
    this.#served.follower.start();
    this.#next?.follower.start();
    const record = this.#record;
    if (record !== undefined && record.epoch >= this.#leaderEpoch) this.#peers?.link.follow(record);
    this.#claim.look();
  }

  #follows(record: LeaderRecord): void {
    this.#record = record;
    if (this.#claim.epoch === undefined && !this.#ended.signal.aborted) this.#peers?.link.follow(record);
  }

  /** Another than this node has the same log, and more or less of it: nobody can tell who is right. */
  #forgot(error: LogError | undefined): void {
    if (this.#hasForgotten) return;
    this.#hasForgotten = true;
    this.#options.store.logger.error('The store has forgotten what was committed; this node writes no more', {
      error,
    });
    this.#served.store.forgot();
    void this.#claim.stop();
    void this.#served.follower.stop();
  }

  async #moveLeader(member: MemberFacts, done: (refusal: StoreErrorCode | undefined) => void): Promise<void> {
    const { scheduler } = this.#options.store;
    this.#isHandingOver = true;
    this.#peers?.replicator.standDown();
    this.#served.store.depose();
    await this.#giveUp(member.incarnation);
    this.#isHandingOver = false;
    this.#follow();
    const timeout = new AbortController();
    const moved = new Promise<void>((resolve) => this.#untilLeader.push(resolve));
    const late = pause(scheduler, this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS, timeout.signal);
    await Promise.race([moved, late]);
    timeout.abort();
    done(this.#leaderName === member.name ? undefined : 'Timeout');
  }

  /** Writes down that another may lead, at best `to`, and tells the others. */
  async #giveUp(to: string): Promise<void> {
    const done = new AbortController();
    const late = pause(this.#options.store.scheduler, HAND_OVER_MS_MAX, done.signal);
    await Promise.race([this.#claim.release(to), late]);
    done.abort();
    this.#peers?.replicator.released(to);
    this.#peers?.replicator.end();
  }

  // ---- The stores

  #open(): Promise<ServedStore> {
    const { store, requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    const faults = store.faults ?? NO_FAULTS;
    const ask = this.#asker.ask.bind(this.#asker);
    const opening = ServedStore.open({
      store: this.#storeOptions(),
      index: this.#peers && { always: this.#headCheck !== undefined, ask },
      ...{ requestTimeoutMs, faults },
      swept: () => void this.#renew().catch((error: unknown) => this.#failed(error)),
      forgotten: (error) => this.#forgot(error),
    });
    return opening.then((served) => {
      served.store.onDeposed((why) => this.#deposed(why));
      served.store.onCommit((_revision, chunks) => {
        if (chunks.length > 0) this.#peers?.replicator.committed(chunks);
      });
      return served;
    });
  }

  #storeOptions(): StoreOptions {
    const { store } = this.#options;
    const lease = { holds: () => this.#holds() };
    const members = this.#peers?.members;
    const knows = store.chunkFormat?.knows ?? 1;
    return {
      ...store,
      lease,
      ...(this.#headCheck !== undefined && { confirm: this.#confirm }),
      ...(members !== undefined && {
        chunkFormat: { knows, writes: () => Math.min(knows, members.writes()) },
      }),
    };
  }

  /** Reads the whole log into a new store, beside the one that serves; one at a time. Rejects as `Store.follow`. */
  #renew(): Promise<void> {
    if (this.#next !== undefined) return Promise.resolve();
    this.#renewing ??= this.#open()
      .then((next) => {
        this.#next = next;
        if (this.#claim.epoch === undefined && !this.#ended.signal.aborted) next.follower.start();
        this.#announce(0);
      })
      .finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  /** A store takes the place of the one that serves. */
  #replace(next: ServedStore): void {
    const before = this.#served;
    this.#served = next;
    this.#next = undefined;
    for (const listener of this.#storeListeners) listener(next.store);
    void before.follower.retire();
    void before.store.close();
    this.#options.store.logger.info('the state was read anew: a sweep had passed the old one', {
      revision: next.store.revision,
    });
  }

  #announce(sequence: number): void {
    this.#announcedTo = Math.max(this.#announcedTo, sequence);
    this.#served.follower.announce(sequence);
    const next = this.#next;
    if (next !== undefined) {
      next.follower.announce(this.#announcedTo);
      const isNewer = next.store.sequence >= this.#served.store.sequence;
      if (next.store.readable && isNewer) this.#replace(next);
    }
    this.#readable();
  }

  /** A log that has not begun tells neither this node's id nor the cluster's. */
  get #isReadable(): boolean {
    return this.store.readable && this.clusterId !== 0n;
  }

  #readable(): void {
    if (this.#untilReadable.length === 0 || !this.#isReadable) return;
    for (const resolve of this.#untilReadable.splice(0)) resolve();
  }

  #failed(error: unknown): void {
    const { logger } = this.#options.store;
    logger.error('this node cannot go on', { error });
    this.#options.onFailed?.(error instanceof Error ? error : new Error(String(error)));
  }

  // ---- The others

  #newLink(network: PeerNetwork, incarnation: string): LeaderLink {
    const { scheduler, random, logger, name } = this.#options.store;
    return new LeaderLink({
      ...{ network, scheduler, random, logger },
      self: { incarnation, name, member: () => this.memberId },
      listener: {
        ready: (epoch) => {
          this.#heardOf(this.#record?.name, epoch);
          this.#asker.linkReady();
          this.#forwarder.linkReady();
        },
        ended: (how) => {
          this.#asker.linkEnded();
          this.#forwarder.linkEnded(how);
          // The node behind it may have gone, or lead no more.
          this.#claim.look();
        },
        drained: () => this.#forwarder.drained(),
        commit: ({ chunks, announced }) => {
          this.#served.follower.commit(chunks);
          this.#next?.follower.commit(chunks);
          this.#announced(announced);
        },
        announce: (_epoch, sequence) => this.#announced(sequence),
        index: (message) => {
          if (message.sequence !== undefined) this.#touch.heard();
          this.#asker.answered(message);
        },
        answers: (message) => this.#forwarder.answers(message),
        // What the leader has said with it, about calls that it did not look at, comes first.
        released: () => scheduler.soon(() => this.#claim.look()),
      },
    });
  }

  #newMembers(incarnation: string): Members {
    const { engine, keyspace, clock, scheduler, random, logger, name, chunkFormat } = this.#options.store;
    const { peerUrls, clientUrls } = this.#options;
    return new Members({
      ...{ engine, keyspace, clock, scheduler, random, logger },
      self: { name, incarnation, peerUrls, clientUrls },
      knows: chunkFormat?.knows ?? 1,
      onRefused: (error) => this.#failed(error),
    });
  }

  #announced(sequence: number): void {
    this.#touch.heard();
    this.#announce(sequence);
  }

  #heardOf(name: string | undefined, epoch: number): void {
    this.#touch.heard();
    if (epoch > this.#leaderEpoch) this.#leaderChanges++;
    this.#leaderEpoch = Math.max(epoch, this.#leaderEpoch);
    this.#leaderName = name;
    for (const resolve of this.#untilLeader.splice(0)) resolve();
  }

  #facts(): readonly MemberFacts[] {
    const { store, peerUrls, clientUrls } = this.#options;
    const self = { name: store.name, incarnation: '', peerUrls, clientUrls };
    return this.#peers?.members.list() ?? [self];
  }

  #idOf(name: string): bigint {
    return this.clusterId === 0n ? 0n : this.#served.store.memberId(name);
  }
}

import { within } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import type { Deposition } from '../log/index.ts';
import { LogError } from '../log/index.ts';
import type { StoreErrorCode } from '../store/index.ts';
import type { ClusterNodeOptions } from './cluster-node-options.ts';
import { isCorruption } from './corruption.ts';
import { planted } from './faults.ts';
import type { LeaderRecord } from './leader-record.ts';
import type { MemberFacts } from './members.ts';
import type { NodeEvents, NodeParts } from './node-parts.ts';

/** A lead that cannot be written down as given up by then ends by itself. */
const HAND_OVER_MS_MAX = 1000;

/**
 * Follows whoever leads, and leads when it is this node's turn.
 *
 * 1. The store follows or leads, never both: what follows has stopped before the log is taken over, and the other way
 *    round.
 * 2. Whatever ends the lead (the lease, the fence, a hand-over), the node goes on as a follower. Only a store that forgot,
 *    or is damaged, ends that: then this node claims and applies nothing any more, and shows what it has.
 * 3. Calls and reads that wait for a leader are served here when this node comes to lead.
 */
export class NodeRole implements NodeEvents {
  readonly #options: ClusterNodeOptions;
  readonly #parts: NodeParts;
  #changing: Promise<void> | undefined;
  #isHandingOver = false;
  #isCorrupt = false;
  #isEnded = false;
  #end: () => void = () => undefined;
  readonly #whenEnded = new Promise<void>((resolve) => (this.#end = resolve));
  /** Told why the only node could not begin. */
  #failStart: ((error: unknown) => void) | undefined;

  constructor(options: ClusterNodeOptions, parts: NodeParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Follows, and begins to claim the lead. The only node of its engine ends this when it leads, or with why it cannot. */
  async begin(): Promise<void> {
    const { claim, peers, stores } = this.#parts;
    this.#follow();
    if (peers !== undefined) return claim.start();
    const failed = new Promise<void>((_resolve, reject) => (this.#failStart = reject));
    claim.start();
    try {
      await Promise.race([stores.whenReadable(), failed]);
    } catch (error) {
      await Promise.all([claim.stop(), stores.stop(), stores.store.close()]);
      throw error;
    }
    this.#failStart = undefined;
  }

  /** Gives the lead up, when what was proposed is committed, and takes no other. The store is closed. */
  async close(): Promise<void> {
    this.#isEnded = true;
    this.#end();
    const { peers, stores, claim, asker, forwarder } = this.#parts;
    // What it claimed from now on it would only keep from a node that can use it.
    if (claim.epoch === undefined && this.#changing === undefined) void claim.stop();
    peers?.replicator.standDown();
    await this.#changing;
    await stores.store.close();
    asker.serveLocally(undefined);
    forwarder.serveLocally(undefined);
    if (claim.epoch !== undefined) await this.#giveUp('');
    peers?.replicator.end();
  }

  /** Hands the lead, which this node has, to another. `done` comes when that one leads, or with etcd's error. */
  async moveLeader(member: MemberFacts, done: (refusal: StoreErrorCode | undefined) => void): Promise<void> {
    const { peers, stores, news, requestTimeoutMs } = this.#parts;
    this.#isHandingOver = true;
    peers?.replicator.standDown();
    stores.store.depose();
    await this.#giveUp(member.incarnation);
    this.#isHandingOver = false;
    this.#follow();
    const decided = Promise.race([news.whenNext(), this.#whenEnded]);
    await within(this.#options.store.scheduler, requestTimeoutMs, decided);
    const { faults } = this.#options.store;
    const isUnconfirmed = planted(faults, 'move-unconfirmed');
    done(news.name === member.name || isUnconfirmed ? undefined : 'Timeout');
  }

  /** The claim has changed: this node takes the log over if it has it. */
  claimed(): void {
    if (this.#changing !== undefined || this.#isEnded) return;
    const { claim } = this.#parts;
    this.#changing = this.#takeOver().finally(() => {
      this.#changing = undefined;
      // A claim may have come while the last one was being given up.
      if (claim.epoch !== undefined && !this.#leads && !this.#isHandingOver) this.claimed();
    });
  }

  renewed(): void {
    const { news, stores, peers } = this.#parts;
    news.heard();
    stores.store.leaseRenewed();
    peers?.replicator.announce();
  }

  lost(): void {
    this.#parts.stores.store.depose();
  }

  /**
   * Whoever has the lease next loses every race for the head against a leader that keeps writing: then all is refused for
   * as long as that lasts but plain writes. So it leads no more.
   */
  overdue(): void {
    this.#options.store.logger.error('the leader lease could not be renewed for long, though writes succeed');
    this.lost();
  }

  follows(record: LeaderRecord): void {
    const { news, claim, peers } = this.#parts;
    news.recorded(record);
    if (claim.epoch === undefined && !this.#isEnded) peers?.link.follow(record);
  }

  isFollowing(): boolean {
    return this.#parts.claim.epoch === undefined && !this.#isEnded && !this.#isCorrupt;
  }

  deposed(why: Deposition): void {
    if (this.#isEnded) return;
    const { news, peers, asker, forwarder, claim } = this.#parts;
    news.heard();
    peers?.members.setLeading(false);
    asker.serveLocally(undefined);
    forwarder.serveLocally(undefined);
    this.#options.store.logger.info('leads no more', { why });
    if (this.#isHandingOver) return;
    peers?.replicator.end();
    if (why === 'forgotten') this.corrupt(undefined);
    else void claim.release('');
    this.#follow();
  }

  /**
   * What is stored is not what was committed (without `error`: the leader of it found out): nobody here can tell what is
   * right. This node shows what it has applied, and writes and applies no more.
   */
  corrupt(error: LogError | undefined): void {
    if (this.#isCorrupt) return;
    this.#isCorrupt = true;
    const { logger } = this.#options.store;
    logger.error('the store lacks what was committed, or is damaged: CORRUPT, nothing is written here', {
      error,
    });
    const { stores, claim, forwarder } = this.#parts;
    stores.store.raiseCorrupt();
    // Whom it would give calls on to may be as wrong, or there is nobody: its own store refuses them, and says why.
    forwarder.serveLocally(this.#options.serve);
    // Others need not wait for the end of a lease that it may hold.
    void claim.release('').then(() => claim.stop());
    void stores.stop();
  }

  get #leads(): boolean {
    return this.#parts.stores.store.leads;
  }

  async #takeOver(): Promise<void> {
    const { claim, peers, asker, stores } = this.#parts;
    const { epoch } = claim;
    if (epoch === undefined || this.#leads) return;
    const { logger, faults } = this.#options.store;
    peers?.link.leave();
    peers?.replicator.claimed();
    if (planted(faults, 'serve-before-epoch')) this.#serveReads();
    try {
      const isLeading = await stores.lead(epoch);
      if (isLeading && claim.epoch === epoch) return this.#lead(epoch);
    } catch (error) {
      if (!(error instanceof EngineError || error instanceof LogError)) throw error;
      if (isCorruption(error)) this.corrupt(error);
      else logger.error('cannot take the lead over', { error, epoch });
      this.#failStart?.(error);
    }
    stores.store.depose();
    asker.serveLocally(undefined);
    peers?.replicator.end();
    await claim.release('');
    this.#follow();
  }

  #lead(epoch: number): void {
    const { news, peers, forwarder, stores } = this.#parts;
    const { logger, name } = this.#options.store;
    news.ledBy(epoch, name);
    peers?.members.setLeading(true);
    peers?.replicator.lead(epoch);
    this.#serveReads();
    forwarder.serveLocally(this.#options.serve);
    stores.checkReadable();
    logger.info('leads', { epoch, revision: stores.store.revision });
  }

  #serveReads(): void {
    const { asker, proof } = this.#parts;
    asker.serveLocally(proof.index);
  }

  #follow(): void {
    if (this.#isCorrupt || this.#isEnded || this.#leads) return;
    const { stores, news, peers, claim } = this.#parts;
    stores.follow();
    if (news.followed !== undefined) peers?.link.follow(news.followed);
    claim.look();
  }

  /** Writes down that another may lead, at best `to`, and tells the others. */
  async #giveUp(to: string): Promise<void> {
    const { claim, peers } = this.#parts;
    await within(this.#options.store.scheduler, HAND_OVER_MS_MAX, claim.release(to));
    peers?.replicator.released(to);
    peers?.replicator.end();
  }
}

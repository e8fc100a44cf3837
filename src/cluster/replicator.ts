import type { Clock, Logger, Scheduler } from '../base/index.ts';
import { assert, RareLog } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import type { PeerChunk } from '../wire/peer-message.ts';
import type { ServeForwarded } from './cluster-node-api.ts';
import { NO_FAULTS, planted } from './faults.ts';
import type { ClusterFaults } from './faults.ts';
import { FollowerLink } from './follower-link.ts';
import type { FollowerLinkLimits, FollowerLinkParts, Hello } from './follower-link.ts';
import { FORWARDER_LIMITS } from './forwarder.ts';
import type { HeadCheck } from './head-check.ts';
import { BROKEN_RULES_QUIET_MS } from './peer-network.ts';
import type { Link, LinkSink } from './peer-network.ts';

export interface ReplicatorLimits extends FollowerLinkLimits {
  /** More are refused. */
  readonly linksMax: number;
}

const REPLICATOR_LIMITS: ReplicatorLimits = {
  linksMax: 64,
  helloMsMax: 5000,
  callsMax: FORWARDER_LIMITS.callsMax,
  callBytesMax: FORWARDER_LIMITS.bytesMax,
  questionsMax: 64,
  unsentMax: 2 * FORWARDER_LIMITS.callsMax,
  unsentBytesMax: FORWARDER_LIMITS.bytesMax,
  messageBytesMax: FORWARDER_LIMITS.messageBytesMax,
};

export interface ReplicatorOptions {
  /** This node's: a `hello` for another is refused. */
  readonly incarnation: string;
  /** The one that serves now. */
  readonly store: () => Pick<Store, 'sequence' | 'revision' | 'memberId'>;
  /** Whether this node may announce. */
  readonly lease: { holds(): boolean };
  /** Serves a call that was forwarded; replies once, at once or later. */
  readonly serve: ServeForwarded;
  /** Given with `--linearizable-reads=engine`: answers to read-index questions depend on it instead of the lease. */
  readonly confirm?: Pick<HeadCheck, 'ask'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly limits?: Partial<ReplicatorLimits>;
  readonly faults?: ClusterFaults;
}

/**
 * - `following`: every `hello` is refused.
 * - `claiming`: this node has the lease and takes the log over; a `hello` waits.
 * - `leading`.
 * - `standing-down`: it has led, and looks at nothing any more; links stay to hear of the next leader.
 */
type Role =
  | { readonly kind: 'following' | 'claiming' | 'standing-down' }
  | { readonly kind: 'leading'; readonly epoch: number };

/**
 * The leader's end of the links that followers open: pushes what is committed, announces, and answers questions and
 * calls.
 *
 * 1. The first message of a link is an announcement. What is pushed, announced and answered leaves in order, so that an
 *    answer is behind all commits that it depends on.
 * 2. A link whose way is full gets no commits, and an announcement when there is room again.
 * 3. Nothing is announced, and no question is answered with a sequence, but while this node leads and holds its lease (or
 *    has confirmed after the question that it leads).
 * 4. When the lead ends, a link ends with `notLeader` behind the answers of all calls that were begun: those without an
 *    answer were not looked at.
 * 5. What a follower must not say ends its link; nothing is thrown for it.
 */
export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #limits: ReplicatorLimits;
  readonly #parts: FollowerLinkParts;
  readonly #links = new Set<FollowerLink>();
  #role: Role = { kind: 'following' };

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#limits = { ...REPLICATOR_LIMITS, ...options.limits };
    const { clock, scheduler, logger, serve } = options;
    this.#parts = {
      ...{ scheduler, serve, limits: this.#limits },
      log: new RareLog(logger, clock, BROKEN_RULES_QUIET_MS),
      memberOf: ({ member, name }) => (member === 0n ? options.store().memberId(name) : member),
      greeted: (link, hello) => this.#greeted(link, hello),
      index: (done) => this.#index(done),
      missed: (link) => this.#announceTo([link]),
      closed: (link) => void this.#links.delete(link),
    };
  }

  /** Links that get commits. */
  get followers(): number {
    let count = 0;
    for (const link of this.#links) if (link.isOpen) count++;
    return count;
  }

  /** Whether this incarnation gets commits, and so could take over without much delay. */
  isFollowedBy(incarnation: string): boolean {
    for (const link of this.#links) if (link.isOpen && link.from === incarnation) return true;
    return false;
  }

  /** For `PeerNetwork.accept`. */
  accept(link: Link): LinkSink {
    const follower = new FollowerLink(link, this.#parts);
    if (this.#links.size < this.#limits.linksMax) this.#links.add(follower);
    else follower.refuse();
    return follower;
  }

  /** This node has the lease: who says `hello` from now on waits for `lead`, or is refused by `end`. */
  claimed(): void {
    this.#role = { kind: 'claiming' };
  }

  /** The epoch entry is committed: links are taken. */
  lead(epoch: number): void {
    assert(this.#role.kind !== 'leading', 'one epoch ends before the next begins');
    this.#role = { kind: 'leading', epoch };
    this.announce();
  }

  /** Tells all what is committed; called whenever the lease has been renewed. Nothing without the lease. */
  announce(): void {
    this.#announceTo(this.#links);
  }

  /** Pushes a whole commit, in order; from `Store.onCommit`. The bytes of the chunks must not change. */
  committed(chunks: readonly PeerChunk[]): void {
    if (this.#role.kind !== 'leading' || this.#links.size === 0) return;
    const { epoch } = this.#role;
    const { store, lease } = this.#options;
    const message = {
      kind: 'commit',
      epoch,
      chunks,
      announced: lease.holds() ? store().sequence : 0,
    } as const;
    for (const link of this.#links) link.commit(message);
  }

  /**
   * For a hand-over: nothing that comes from now on is looked at (calls: `PEER_NOT_LEADER`), and nothing is pushed or
   * announced. Links stay, so that `released` reaches them; `end` follows.
   */
  standDown(): void {
    this.#stop('standing-down');
  }

  /** The lease has been given up, at best for the incarnation `to`. To be called before `end`. */
  released(to: string): void {
    for (const link of this.#links) link.released(to);
  }

  /** This node does not lead (any more), and does not take over: links end once all calls that were begun are answered. */
  end(): void {
    this.#stop('following');
  }

  #stop(kind: 'standing-down' | 'following'): void {
    this.#role = { kind };
    for (const link of [...this.#links]) link.drain(kind === 'following');
  }

  #greeted(link: FollowerLink, hello: Hello): void {
    const mayLead = this.#role.kind === 'leading' || this.#role.kind === 'claiming';
    if (hello.to !== this.#options.incarnation || !mayLead) return link.refuse();
    // One node has one link: it has opened another because the one before is gone, which this node has not noticed yet.
    for (const other of [...this.#links]) if (other !== link && other.from === hello.from) other.close();
    this.#announceTo([link]);
  }

  #announceTo(links: Iterable<FollowerLink>): void {
    if (this.#role.kind !== 'leading' || !this.#options.lease.holds()) return;
    const { epoch } = this.#role;
    const message = { kind: 'announce', epoch, sequence: this.#options.store().sequence } as const;
    for (const link of links) link.announce(message);
  }

  #index(done: (sequence: number | undefined) => void): void {
    const { confirm, lease, store, faults = NO_FAULTS } = this.#options;
    const read = (): number => {
      const { sequence, revision } = store();
      return planted(faults, 'read-index-by-revision') ? revision : sequence;
    };
    if (confirm === undefined) done(lease.holds() ? read() : undefined);
    else confirm.ask((refusal) => done(refusal === undefined ? read() : undefined));
  }
}

import type { Cancel, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { RareLog, unreachable } from '../base/index.ts';
import type { FollowerMessage, LeaderMessage, PeerMessage } from '../wire/peer-message.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { LeaderRecord } from './leader-record.ts';
import { BROKEN_RULES_QUIET_MS } from './peer-network.ts';
import type { Link, LinkSink, PeerNetwork } from './peer-network.ts';

/** Between the end of a link and the next one to the same node, 50..100 ms. */
const RECONNECT_MS = 50;

/** Messages of one kind. */
export type LeaderMessageOf<Kind extends LeaderMessage['kind']> = Extract<LeaderMessage, { kind: Kind }>;

/**
 * How a link has ended. `not-leader`: the other node said so, behind its answers to all calls that it had begun; what has
 * no answer, it never looked at. `lost`: what has no answer may have had an effect.
 */
export type LinkEnd = 'lost' | 'not-leader';

/** What comes over the link. `ready` is the first, `ended` the last; between them everything is in order. */
export interface LeaderLinkListener {
  /** The other node leads with this epoch, and takes questions and calls. An `announce` follows at once. */
  ready(epoch: number): void;
  /** Also called inside `follow` and `leave`, when they give up a link that was ready. */
  ended(how: LinkEnd): void;
  /** There is room again after `send` has returned false. */
  drained(): void;
  commit(message: LeaderMessageOf<'commit'>): void;
  announce(epoch: number, sequence: number): void;
  index(message: LeaderMessageOf<'index'>): void;
  answers(message: LeaderMessageOf<'answers'>): void;
  /** The leader has given its lease up, at best for `to` (an incarnation; empty: for anybody). */
  released(to: string): void;
}

/** What those who ask the leader need of the link. */
export interface LeaderWay {
  /** Whether the other node takes questions and calls, as far as is known. */
  readonly isReady: boolean;
  /** False: taken, but the way is full until `drained`. Goes nowhere when the link is not ready. */
  send(message: FollowerMessage): boolean;
  /** The other node has said what it must not: the link is given up, and opened again later. `why` is one of few. */
  fail(why: string): void;
}

export interface LeaderLinkOptions {
  readonly network: Pick<PeerNetwork, 'connect'>;
  readonly self: {
    readonly incarnation: string;
    readonly name: string;
    /** 0n as long as it is not known. */
    readonly member: () => bigint;
  };
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly listener: LeaderLinkListener;
}

/**
 * - `greeting`: `hello` is sent; nothing else is, before the other node has announced.
 * - `ready`.
 * - `draining`: the other node has said of a call that it does not lead. Its answers are still taken.
 * - `pausing`: there is no link, and soon another is opened.
 */
type State =
  | { readonly kind: 'away' }
  | { readonly kind: 'pausing'; readonly cancel: Cancel }
  | { readonly kind: 'greeting' | 'ready' | 'draining'; readonly link: Link };

/**
 * The follower's end of the link to the node that is thought to lead. It opens the link again for as long as that node is
 * the one to follow.
 *
 * 1. Between `ready` and `ended` all is of one link; nothing of a link comes after `ended`.
 * 2. No epoch is lower than one before, of this link or of another.
 * 3. What breaks the rules ends the link, whatever it is; nothing is thrown for it.
 */
export class LeaderLink implements LeaderWay {
  readonly #options: LeaderLinkOptions;
  readonly #listener: LeaderLinkListener;
  readonly #log: RareLog;
  #state: State = { kind: 'away' };
  #record: LeaderRecord | undefined;
  #epoch = 0;

  constructor(options: LeaderLinkOptions) {
    this.#options = options;
    this.#listener = options.listener;
    this.#log = new RareLog(options.logger, options.clock, BROKEN_RULES_QUIET_MS);
  }

  get isReady(): boolean {
    return this.#state.kind === 'ready';
  }

  /** Opens a link to the holder of this record, unless there is one, or one is on the way. */
  follow(record: LeaderRecord): void {
    const isSame = this.#record?.holder === record.holder;
    if (isSame && this.#state.kind !== 'away') {
      this.#record = record;
      return;
    }
    this.leave();
    this.#record = record;
    this.#connect(record);
  }

  /** There is nobody to follow. */
  leave(): void {
    this.#record = undefined;
    this.#giveUp();
  }

  send(message: FollowerMessage): boolean {
    return this.#state.kind === 'ready' ? this.#state.link.send(message) : true;
  }

  fail(why: string): void {
    const { kind } = this.#state;
    if (kind === 'away' || kind === 'pausing') return;
    const fields = { why, leader: this.#record?.name };
    this.#log.warn('closed the link to the leader: it broke the rules', fields, why);
    this.#giveUp();
    this.#connectLater();
  }

  #connect(record: LeaderRecord): void {
    const { network, self } = this.#options;
    const sink = new Sink(
      (from, message) => this.#isCurrent(from) && this.#take(message),
      (from) => this.#isCurrent(from) && this.#listener.drained(),
      (from) => this.#isCurrent(from) && this.#lost('lost'),
    );
    const link = network.connect(record.peerUrls, sink, record.name);
    sink.link = link;
    this.#state = { kind: 'greeting', link };
    const { incarnation, name } = self;
    link.send({ kind: 'hello', to: record.holder, from: incarnation, name, member: self.member() });
  }

  #isCurrent(link: Link | undefined): boolean {
    return 'link' in this.#state && this.#state.link === link;
  }

  /** Closes the link, if there is one, and tells those who use it. */
  #giveUp(): void {
    const before = this.#state;
    this.#state = { kind: 'away' };
    if (before.kind === 'pausing') before.cancel();
    if ('link' in before) before.link.close();
    if (before.kind === 'ready' || before.kind === 'draining') this.#listener.ended('lost');
  }

  #lost(how: LinkEnd): void {
    const before = this.#state;
    this.#state = { kind: 'away' };
    this.#connectLater();
    if (before.kind === 'ready' || before.kind === 'draining') this.#listener.ended(how);
  }

  #connectLater(): void {
    const { scheduler, random } = this.#options;
    // Who was told that the link has ended may have turned to another node.
    if (this.#record === undefined || this.#state.kind !== 'away') return;
    const cancel = scheduler.after(RECONNECT_MS * (1 + random.next()), () => {
      if (this.#record !== undefined) this.#connect(this.#record);
    });
    this.#state = { kind: 'pausing', cancel };
  }

  #take(message: PeerMessage): void {
    switch (message.kind) {
      case 'notLeader':
        if ('link' in this.#state) this.#state.link.close();
        return this.#lost('not-leader');
      case 'announce':
        if (!this.#accepts(message.epoch)) return this.fail('an epoch goes back');
        if (this.#state.kind === 'greeting') this.#ready(this.#state.link, message.epoch);
        // Whoever was told may have left.
        if (this.#isOpen()) this.#listener.announce(message.epoch, message.sequence);
        return;
      case 'hello':
      case 'readIndex':
      case 'calls':
        return this.fail(`it sent what only a follower sends: ${message.kind}`);
      case 'commit':
      case 'index':
        if (!this.#isOpen()) return this.fail(`its first message is ${message.kind}`);
        if (!this.#accepts(message.epoch)) return this.fail('an epoch goes back');
        if (message.kind === 'commit') return this.#listener.commit(message);
        return this.#listener.index(message);
      case 'answers':
      case 'released':
        if (!this.#isOpen()) return this.fail(`its first message is ${message.kind}`);
        if (message.kind === 'released') return this.#listener.released(message.to);
        return this.#answers(message);
      default:
        return unreachable(message);
    }
  }

  #isOpen(): boolean {
    return this.#state.kind === 'ready' || this.#state.kind === 'draining';
  }

  #accepts(epoch: number): boolean {
    if (epoch < this.#epoch) return false;
    this.#epoch = epoch;
    return true;
  }

  #ready(link: Link, epoch: number): void {
    this.#state = { kind: 'ready', link };
    this.#listener.ready(epoch);
  }

  #answers(message: LeaderMessageOf<'answers'>): void {
    const isOver = message.answers.some(({ code }) => code === PEER_NOT_LEADER);
    if (isOver && this.#state.kind === 'ready') this.#state = { kind: 'draining', link: this.#state.link };
    this.#listener.answers(message);
  }
}

/** Knows the link that it belongs to, so that a late message of one that was given up is told from the others. */
class Sink implements LinkSink {
  link: Link | undefined;
  readonly #message: (from: Link | undefined, message: PeerMessage) => void;
  readonly #drained: (from: Link | undefined) => void;
  readonly #ended: (from: Link | undefined) => void;

  constructor(
    message: (from: Link | undefined, message: PeerMessage) => void,
    drained: (from: Link | undefined) => void,
    ended: (from: Link | undefined) => void,
  ) {
    this.#message = message;
    this.#drained = drained;
    this.#ended = ended;
  }

  message(message: PeerMessage): void {
    this.#message(this.link, message);
  }

  drained(): void {
    this.#drained(this.link);
  }

  ended(): void {
    this.#ended(this.link);
  }
}

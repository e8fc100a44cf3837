import type { Bytes, Cancel, RareLog, Scheduler } from '../base/index.ts';
import { EMPTY_BYTES } from '../base/index.ts';
import type {
  FollowerMessage,
  LeaderMessage,
  PeerAnswer,
  PeerCall,
  PeerMessage,
} from '../wire/peer-message.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { ForwardedAnswer, ServeForwarded } from './cluster-node-api.ts';
import type { Link, LinkSink } from './peer-network.ts';

export interface FollowerLinkLimits {
  /** Until `hello`. */
  readonly helloMsMax: number;
  /** Calls that are not answered. */
  readonly callsMax: number;
  /** Bytes of their requests. */
  readonly callBytesMax: number;
  /** Questions that are not answered. */
  readonly questionsMax: number;
  /** Messages, and bytes of answers, that are given to a way that is full already. */
  readonly unsentMax: number;
  readonly unsentBytesMax: number;
  /** Bytes of answers after which those of a turn go on in another message. */
  readonly messageBytesMax: number;
}

export type Hello = Extract<FollowerMessage, { kind: 'hello' }>;

/** What all links of a replicator share, and what they ask of it. */
export interface FollowerLinkParts {
  readonly scheduler: Scheduler;
  readonly log: RareLog;
  readonly limits: FollowerLinkLimits;
  readonly serve: ServeForwarded;
  readonly memberOf: (hello: Hello) => bigint;
  /** Calls `refuse` at once, or `announce` at once or later. */
  readonly greeted: (link: FollowerLink, hello: Hello) => void;
  /** The committed sequence of a leader that leads at a time after this call; undefined: not confirmed. */
  readonly index: (done: (sequence: number | undefined) => void) => void;
  /** The way has room again, and what was committed meanwhile was not pushed. */
  readonly missed: (link: FollowerLink) => void;
  readonly closed: (link: FollowerLink) => void;
}

/**
 * - `silent`: `hello` has not come.
 * - `greeted`: the first announcement is still to be sent; nothing else may come or go before.
 * - `open`.
 * - `draining`: the lead has ended; calls that were begun are answered, what comes is not looked at.
 */
type State =
  | { readonly kind: 'silent' | 'closed' }
  | { readonly kind: 'greeted'; readonly hello: Hello }
  | { readonly kind: 'open'; readonly hello: Hello; readonly epoch: number }
  | { readonly kind: 'draining'; readonly epoch: number; readonly endsWhenIdle: boolean };

/** One link that a follower has opened to this node; see replicator.ts for the rules. */
export class FollowerLink implements LinkSink {
  readonly #link: Link;
  readonly #parts: FollowerLinkParts;
  readonly #cancelHello: Cancel;
  #state: State = { kind: 'silent' };
  #lastCall = 0;
  #lastQuestion = 0;
  #begun = 0;
  #begunBytes = 0;
  #questions = 0;
  /** Leave at the end of the turn. */
  #answers: PeerAnswer[] = [];
  #isDue = false;
  #isFull = false;
  #hasMissed = false;
  #unsent = 0;
  #unsentBytes = 0;

  constructor(link: Link, parts: FollowerLinkParts) {
    this.#link = link;
    this.#parts = parts;
    this.#cancelHello = parts.scheduler.after(parts.limits.helloMsMax, () => {
      if (this.#state.kind === 'silent') this.#fail('it says nothing');
    });
  }

  /** Whether it gets commits. */
  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** The incarnation at the other end, unless the link is about to end. */
  get from(): string | undefined {
    return 'hello' in this.#state ? this.#state.hello.from : undefined;
  }

  // ---- From the replicator

  refuse(): void {
    if (this.#state.kind === 'closed') return;
    this.#link.send({ kind: 'notLeader' });
    this.close();
  }

  announce(message: Extract<LeaderMessage, { kind: 'announce' }>): void {
    const { epoch } = message;
    if (this.#state.kind === 'greeted') this.#state = { kind: 'open', hello: this.#state.hello, epoch };
    if (this.#state.kind === 'open') this.#push(message);
  }

  commit(message: Extract<LeaderMessage, { kind: 'commit' }>): void {
    if (this.#state.kind === 'open') this.#push(message);
  }

  released(to: string): void {
    if (this.#state.kind === 'open' || this.#state.kind === 'draining')
      this.#send({ kind: 'released', to }, 0);
  }

  /** The lead has ended. Without `endsWhenIdle` the link stays until this is called again with it. */
  drain(endsWhenIdle: boolean): void {
    const state = this.#state;
    if (state.kind === 'greeted') return this.refuse();
    if (state.kind !== 'open' && state.kind !== 'draining') return;
    this.#state = { kind: 'draining', epoch: state.epoch, endsWhenIdle };
    this.#endWhenIdle();
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    this.#link.close();
    this.ended();
  }

  // ---- From the network

  message(message: PeerMessage): void {
    switch (message.kind) {
      case 'hello':
        if (this.#state.kind !== 'silent') return this.#fail('it says hello again');
        this.#cancelHello();
        this.#state = { kind: 'greeted', hello: message };
        return this.#parts.greeted(this, message);
      case 'readIndex':
        if (this.#isAnnounced()) return this.#question(message.id);
        return this.#fail('it asks before the first announcement');
      case 'calls':
        if (this.#isAnnounced()) return this.#calls(message.calls);
        return this.#fail('it calls before the first announcement');
      default:
        return this.#fail(`it sent what only a leader sends: ${message.kind}`);
    }
  }

  drained(): void {
    [this.#isFull, this.#unsent, this.#unsentBytes] = [false, 0, 0];
    if (!this.#hasMissed) return;
    this.#hasMissed = false;
    this.#parts.missed(this);
  }

  ended(): void {
    this.#state = { kind: 'closed' };
    this.#answers = [];
    this.#cancelHello();
    this.#parts.closed(this);
  }

  // ---- Within

  #isAnnounced(): boolean {
    return this.#state.kind === 'open' || this.#state.kind === 'draining';
  }

  #fail(why: string): void {
    if (this.#state.kind === 'closed') return;
    this.#parts.log.warn('closed a link: the follower broke the rules', { why, from: this.from }, why);
    this.close();
  }

  #push(message: LeaderMessage): void {
    if (this.#isFull) this.#hasMissed = true;
    else this.#send(message, 0);
  }

  #send(message: LeaderMessage, bytes: number): void {
    const { unsentMax, unsentBytesMax } = this.#parts.limits;
    if (this.#unsent >= unsentMax || this.#unsentBytes > unsentBytesMax)
      return this.#fail('it does not take its answers');
    if (!this.#link.send(message)) this.#isFull = true;
    if (!this.#isFull) return;
    this.#unsent++;
    this.#unsentBytes += bytes;
  }

  #question(id: number): void {
    if (!(id > this.#lastQuestion)) return this.#fail('the number of a question does not rise');
    if (this.#questions >= this.#parts.limits.questionsMax) return this.#fail('too many questions');
    this.#lastQuestion = id;
    if (this.#state.kind !== 'open') return this.#index(id, undefined);
    this.#questions++;
    this.#parts.index((sequence) => {
      this.#questions--;
      this.#index(id, this.#state.kind === 'open' ? sequence : undefined);
    });
  }

  #index(id: number, sequence: number | undefined): void {
    const state = this.#state;
    if (state.kind === 'open' || state.kind === 'draining')
      this.#send({ kind: 'index', id, epoch: state.epoch, sequence }, 0);
  }

  #calls(calls: readonly PeerCall[]): void {
    const refusal = this.#check(calls);
    if (refusal !== undefined) return this.#fail(refusal);
    const state = this.#state;
    if (state.kind !== 'open') {
      for (const { id } of calls) this.#answers.push({ id, ...NOT_LEADER });
      return this.#schedule();
    }
    const member = this.#parts.memberOf(state.hello);
    for (const { id, method, request } of calls) {
      this.#begun++;
      this.#begunBytes += request.length;
      const { length } = request;
      this.#parts.serve({ member, method, request }, (answer) => this.#answered(id, length, answer));
    }
  }

  /** Why these calls are not looked at. */
  #check(calls: readonly PeerCall[]): string | undefined {
    const { callsMax, callBytesMax } = this.#parts.limits;
    let bytes = this.#begunBytes;
    for (const { id, request } of calls) {
      if (!(id > this.#lastCall)) return 'the number of a call does not rise';
      this.#lastCall = id;
      bytes += request.length;
    }
    const isTooMuch = this.#begun + this.#answers.length + calls.length > callsMax || bytes > callBytesMax;
    return isTooMuch ? 'too many calls' : undefined;
  }

  #answered(id: number, requestBytes: number, answer: ForwardedAnswer): void {
    this.#begun--;
    this.#begunBytes -= requestBytes;
    if (this.#state.kind === 'closed') return;
    const { code, message, body } = answer;
    this.#answers.push({ id, code, message, body });
    this.#schedule();
  }

  /** Not before the next turn, so that all answers of one turn leave in one message. */
  #schedule(): void {
    if (this.#isDue || this.#answers.length === 0) return;
    this.#isDue = true;
    this.#parts.scheduler.soon(() => {
      this.#isDue = false;
      this.#flush();
      this.#endWhenIdle();
    });
  }

  #flush(): void {
    const { messageBytesMax } = this.#parts.limits;
    let answers: PeerAnswer[] = [];
    let bytes = 0;
    const queued = this.#answers;
    this.#answers = [];
    for (const answer of queued) {
      if (answers.length > 0 && bytes + answer.body.length > messageBytesMax) {
        this.#send({ kind: 'answers', answers }, bytes);
        [answers, bytes] = [[], 0];
      }
      answers.push(answer);
      bytes += answer.body.length;
    }
    if (answers.length > 0) this.#send({ kind: 'answers', answers }, bytes);
  }

  #endWhenIdle(): void {
    if (this.#state.kind !== 'draining' || !this.#state.endsWhenIdle) return;
    if (this.#begun === 0 && this.#answers.length === 0) this.refuse();
  }
}

const NOT_LEADER: { readonly code: number; readonly message: string; readonly body: Bytes } = {
  code: PEER_NOT_LEADER,
  message: '',
  body: EMPTY_BYTES,
};

import type { Bytes, Clock, Scheduler } from '../base/index.ts';
import { DueTimer, EMPTY_BYTES } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';
import { storeError } from '../store/index.ts';
import type { PeerCall } from '../wire/peer-message.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { ForwardedAnswer, ServeForwarded } from './cluster-node-api.ts';
import type { LeaderMessageOf, LeaderWay, LinkEnd } from './leader-link.ts';

export interface ForwarderLimits {
  /** Calls that wait for a leader or for its answer. */
  readonly callsMax: number;
  /** Bytes of their requests. */
  readonly bytesMax: number;
  /** Bytes of requests after which the calls of a turn go on in another message. */
  readonly messageBytesMax: number;
}

/** The leader takes as many from one link (replicator.ts), and ends the link of who sends more. */
export const FORWARDER_LIMITS: ForwarderLimits = {
  callsMax: 8192,
  bytesMax: 64 * 2 ** 20,
  messageBytesMax: 2 ** 20,
};

export interface ForwarderOptions {
  readonly link: LeaderWay;
  /** This node's member id, for calls that it serves itself in the end. */
  readonly member: () => bigint;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly requestTimeoutMs: number;
  readonly limits?: Partial<ForwarderLimits>;
}

interface Call {
  /** Rises from call to call; its id on every link. */
  readonly id: number;
  readonly method: string;
  readonly request: Bytes;
  readonly untilMs: number;
  readonly done: (answer: ForwardedAnswer) => void;
}

/**
 * The follower's side of calls that the leader serves.
 *
 * 1. All calls of a turn leave together, as soon as there is a leader that takes them.
 * 2. A call is sent once; again only when it is certain that nobody looked at it: the leader has said so, of the call or
 *    of all that it had not answered.
 * 3. A call that was never sent ends with `Timeout` after `requestTimeoutMs`; one that was sent and has no answer, with
 *    `TimeoutDueToConnectionLost` when its link ends.
 * 4. Everybody is told exactly once, never inside `forward`.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #limits: ForwarderLimits;
  /** Definitely not looked at by anybody, in the order of their ids. */
  #waiting: Call[] = [];
  /** Sent over the link that there is, in the order of their ids. */
  readonly #outstanding = new Map<number, Call>();
  #bytes = 0;
  #lastId = 0;
  #isFull = false;
  #isDue = false;
  #isClosed = false;
  #local: ServeForwarded | undefined;
  readonly #timer: DueTimer;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#limits = { ...FORWARDER_LIMITS, ...options.limits };
    const { clock, scheduler } = options;
    this.#timer = new DueTimer({
      ...{ clock, scheduler },
      firstDueMs: () => this.#waiting[0]?.untilMs,
      expire: (nowMs) => this.#expire(nowMs),
    });
  }

  /** Has the leader serve a call; see `ClusterNodeApi.forward`. `request` must not change. */
  forward(method: string, request: Bytes, done: (answer: ForwardedAnswer) => void): void {
    const { clock, scheduler, requestTimeoutMs } = this.#options;
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return scheduler.soon(() => done(refused(refusal)));
    this.#bytes += request.length;
    const untilMs = clock.nowMs() + requestTimeoutMs;
    this.#waiting.push({ id: ++this.#lastId, method, request, untilMs, done });
    this.#timer.arm();
    this.#schedule();
  }

  linkReady(): void {
    this.#isFull = false;
    this.#schedule();
  }

  drained(): void {
    this.#isFull = false;
    this.#schedule();
  }

  linkEnded(how: LinkEnd = 'lost'): void {
    this.#isFull = false;
    const outstanding = [...this.#outstanding.values()];
    this.#outstanding.clear();
    if (how === 'not-leader') this.#wait(outstanding);
    else for (const call of outstanding) this.#end(call, refused('TimeoutDueToConnectionLost'));
  }

  /** Answers of calls that were sent over the link that there is. */
  answers({ answers }: LeaderMessageOf<'answers'>): void {
    const unseen: Call[] = [];
    for (const { id, code, message, body } of answers) {
      const call = this.#outstanding.get(id);
      const isKnown =
        Number.isInteger(code) && code >= 0 && (code <= GRPC_CODE_MAX || code === PEER_NOT_LEADER);
      if (call === undefined || !isKnown) {
        // The link ends inside this, and with it what is outstanding.
        this.#wait(unseen);
        return this.#options.link.fail(call === undefined ? 'it answers no call' : 'it answers with no code');
      }
      this.#outstanding.delete(id);
      if (code === PEER_NOT_LEADER) unseen.push(call);
      else this.#end(call, { code, message, body });
    }
    this.#wait(unseen);
  }

  /** This node leads: it serves what waits, and what comes. Undefined: no longer. */
  serveLocally(serve: ServeForwarded | undefined): void {
    this.#local = serve;
    this.#schedule();
  }

  /** Refuses what waits, and what comes, with `Stopped`. */
  close(): void {
    this.#isClosed = true;
    this.#timer.stop();
    this.linkEnded();
    for (const call of this.#waiting.splice(0)) this.#end(call, refused('Stopped'));
  }

  #refusal(request: Bytes): StoreErrorCode | undefined {
    const { callsMax, bytesMax } = this.#limits;
    if (this.#isClosed) return 'Stopped';
    const isFull = this.#waiting.length + this.#outstanding.size >= callsMax;
    return isFull || this.#bytes + request.length > bytesMax ? 'TooManyRequests' : undefined;
  }

  #end(call: Call, answer: ForwardedAnswer): void {
    this.#bytes -= call.request.length;
    call.done(answer);
  }

  /** Nobody looked at these: they wait on, for as long as they would have. */
  #wait(calls: readonly Call[]): void {
    if (calls.length === 0) return;
    this.#waiting = [...calls, ...this.#waiting].sort((a, b) => a.id - b.id);
    this.#timer.arm();
    this.#schedule();
  }

  /** Not before the next turn, so that all of one turn leave in one message. */
  #schedule(): void {
    if (this.#isDue || !this.#canSend()) return;
    this.#isDue = true;
    this.#options.scheduler.soon(() => {
      this.#isDue = false;
      if (!this.#canSend()) return;
      const calls = this.#waiting;
      this.#waiting = [];
      if (this.#local !== undefined) this.#serve(this.#local, calls);
      else this.#send(calls);
    });
  }

  #canSend(): boolean {
    if (this.#waiting.length === 0) return false;
    return this.#local !== undefined || (this.#options.link.isReady && !this.#isFull);
  }

  #serve(serve: ServeForwarded, calls: readonly Call[]): void {
    const member = this.#options.member();
    for (const call of calls) {
      const { method, request } = call;
      serve({ member, method, request }, (answer) =>
        this.#end(call, answer.code === PEER_NOT_LEADER ? refused('LeaderChanged') : answer),
      );
    }
  }

  #send(calls: readonly Call[]): void {
    const { messageBytesMax } = this.#limits;
    let message: PeerCall[] = [];
    let bytes = 0;
    for (const call of calls) {
      const { id, method, request } = call;
      if (bytes > 0 && bytes + request.length > messageBytesMax) {
        this.#sendMessage(message);
        [message, bytes] = [[], 0];
      }
      this.#outstanding.set(id, call);
      message.push({ id, method, request });
      bytes += request.length;
    }
    this.#sendMessage(message);
  }

  #sendMessage(calls: readonly PeerCall[]): void {
    if (!this.#options.link.send({ kind: 'calls', calls })) this.#isFull = true;
  }

  #expire(nowMs: number): void {
    const late = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
    for (const call of late) this.#end(call, refused('Timeout'));
  }
}

const GRPC_CODE_MAX = 16;

function refused(code: StoreErrorCode): ForwardedAnswer {
  const { grpcCode, message } = storeError(code);
  return { code: grpcCode, message, body: EMPTY_BYTES };
}

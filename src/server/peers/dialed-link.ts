import type { Cancel, Clock, Scheduler } from '../../base/index.ts';
import type { Link, LinkSink } from '../../cluster/index.ts';
import {
  decodePeerMessage,
  decodePing,
  joinedPeerMessage,
  WireError,
  type PeerMessage,
} from '../../wire/index.ts';
import { DialedStream } from './dialed-stream.ts';
import { LinkPings } from './link-pings.ts';
import type { PeerCredentials } from './peer-credentials.ts';
import type { PeerFigures } from './peer-traffic.ts';

/** Messages that wait for the connection before `send` says that the way is full. */
const EARLY_MAX = 8;

/** Connecting may take this many times `aliveMs`: handshakes of all followers can come at once, at a busy time. */
const CONNECT_PERIODS = 4;

/** After `close`, the other node has this many times `aliveMs` to end its side. */
const CLOSE_PERIODS = 2;

export interface DialedLinkParts {
  readonly credentials: PeerCredentials;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Of the other node; undefined: nothing is counted. */
  readonly figures: PeerFigures | undefined;
  /** A node that does not answer for twice as long is given up; for four times as long while a link is made. */
  readonly aliveMs: number;
  /** No link to this URL came about, or it broke, for this reason. */
  readonly failed: (url: string, reason: string) => void;
  /** The link is over, and so is its connection. */
  readonly over: (link: DialedLink) => void;
}

/**
 * - `connecting`: nothing was sent; what is to be sent waits.
 * - `standing`: the other node has greeted.
 * - `closing`: this side is done and hears nothing more; the other one takes what was sent.
 * - `over`.
 */
type State =
  | { readonly kind: 'connecting'; readonly early: PeerMessage[]; readonly stopTimer: Cancel }
  | { readonly kind: 'standing'; readonly stream: DialedStream }
  | { readonly kind: 'closing'; readonly stopTimer: Cancel }
  | { readonly kind: 'over' };

const nothing = (): void => undefined;

/**
 * The end of a link that this node opens: one stream on one connection. Its URLs are tried in their order, until a node
 * greets at one of them; nothing is sent before, so nothing is sent twice.
 */
export class DialedLink implements Link {
  readonly #urls: readonly string[];
  readonly #sink: LinkSink;
  readonly #parts: DialedLinkParts;
  readonly #pings: LinkPings;
  #state: State;
  #stopAttempt: () => void = nothing;

  constructor(urls: readonly string[], sink: LinkSink, parts: DialedLinkParts) {
    this.#urls = urls;
    this.#sink = sink;
    this.#parts = parts;
    this.#state = { kind: 'connecting', early: [], stopTimer: nothing };
    const { clock, scheduler } = parts;
    this.#pings = new LinkPings({
      ...{ clock, scheduler },
      hasRoom: () => this.#state.kind === 'standing' && !this.#state.stream.isFull,
      send: (bytes) => {
        if (this.#state.kind === 'standing') this.#write(this.#state.stream, bytes);
      },
    });
    scheduler.soon(() => this.#attempt(0));
  }

  send(message: PeerMessage): boolean {
    const state = this.#state;
    switch (state.kind) {
      case 'connecting':
        return state.early.push(message) < EARLY_MAX;
      case 'standing':
        return this.#write(state.stream, joinedPeerMessage(message));
      case 'closing':
      case 'over':
        return true;
    }
  }

  close(): void {
    const state = this.#state;
    if (state.kind === 'standing') {
      const { scheduler, aliveMs } = this.#parts;
      const stopTimer = scheduler.after(CLOSE_PERIODS * aliveMs, () => this.#finish());
      this.#state = { kind: 'closing', stopTimer };
      this.#pings.stop();
      state.stream.end();
    } else if (state.kind === 'connecting') this.#finish();
  }

  /** Ends the link at once; the sink hears nothing more. */
  destroy(): void {
    this.#finish();
  }

  #write(stream: DialedStream, bytes: Buffer): boolean {
    const { figures } = this.#parts;
    if (figures !== undefined) figures.sentBytes += bytes.length;
    return stream.write(bytes);
  }

  #attempt(index: number): void {
    const state = this.#state;
    if (state.kind !== 'connecting') return;
    const url = this.#urls[index];
    if (url === undefined) {
      this.#finish();
      this.#sink.ended();
      return;
    }
    const { credentials, scheduler, aliveMs, failed } = this.#parts;
    const address = credentials.address(url);
    if (typeof address === 'string') {
      failed(url, address);
      this.#attempt(index + 1);
      return;
    }
    const fail = (reason: string): void => {
      stream.destroy();
      this.#done(index, reason);
    };
    const stream = new DialedStream(
      address,
      {
        message: (bytes) => this.#received(bytes, stream, fail),
        drained: () => {
          if (this.#state.kind !== 'standing') return;
          this.#pings.drained();
          this.#sink.drained();
        },
        failed: (reason) => this.#done(index, reason),
      },
      { scheduler, aliveMs },
    );
    this.#stopAttempt = () => stream.destroy();
    const connectMs = CONNECT_PERIODS * aliveMs;
    const stopTimer = scheduler.after(connectMs, () => fail(`no answer within ${connectMs} ms`));
    this.#state = { ...state, stopTimer };
  }

  #received(bytes: Buffer, stream: DialedStream, fail: (reason: string) => void): void {
    const state = this.#state;
    if (state.kind === 'connecting') this.#stands(stream, state);
    if (this.#state.kind !== 'standing') return;
    const { figures } = this.#parts;
    if (figures !== undefined) figures.receivedBytes += bytes.length;
    let message: PeerMessage | undefined;
    try {
      const ping = decodePing(bytes);
      if (ping === undefined) message = decodePeerMessage(bytes);
      else this.#pings.received(ping);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      fail(error.message);
      return;
    }
    if (message !== undefined) this.#sink.message(message);
  }

  #stands(stream: DialedStream, { early, stopTimer }: Extract<State, { kind: 'connecting' }>): void {
    stopTimer();
    this.#state = { kind: 'standing', stream };
    let hasRoom = true;
    for (const message of early) hasRoom = this.#write(stream, joinedPeerMessage(message));
    // Who was told that the way is full waits to hear that it is not; else the stream tells.
    if (early.length >= EARLY_MAX && hasRoom) this.#sink.drained();
    const { figures } = this.#parts;
    if (figures !== undefined) this.#pings.start(figures);
  }

  /** The stream of an attempt has ended, by whomever. */
  #done(index: number, reason: string): void {
    const state = this.#state;
    switch (state.kind) {
      case 'connecting':
        state.stopTimer();
        this.#parts.failed(this.#urls[index] ?? '', reason);
        this.#attempt(index + 1);
        return;
      case 'standing':
        this.#parts.failed(this.#urls[index] ?? '', reason);
        this.#finish();
        this.#sink.ended();
        return;
      case 'closing':
        this.#finish();
        return;
      case 'over':
        return;
    }
  }

  #finish(): void {
    const state = this.#state;
    if (state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#pings.stop();
    if ('stopTimer' in state) state.stopTimer();
    this.#stopAttempt();
    this.#parts.over(this);
  }
}

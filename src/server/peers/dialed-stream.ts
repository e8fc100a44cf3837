import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Cancel, Scheduler } from '../../base/index.ts';
import { connectionFailure, statusOf, type AnswerHeaders } from './failure-reason.ts';
import { GrpcMessages, prefixed } from './grpc-messages.ts';
import type { PeerAddress } from './peer-credentials.ts';

export const LINK_PATH = '/engram.Peer/Link';

/** What the other node may send before it was read: much, because a commit is one message. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** With so much given to the connection that has not left, the way is full; there is room when it is the second. */
const FULL_BYTES = 4 * 1024 * 1024;
const ROOM_BYTES = 1024 * 1024;
/** Node refuses streams above this, in MB; what is held is bounded by what the link's ends give. */
const SESSION_MEGABYTES_MAX = 1024 * 1024;
const ENDED = 'ended by the other node';

export interface DialedStreamSink {
  /** A message, which nobody writes into again. */
  message(bytes: Buffer): void;
  /** The way was full, and has room. */
  drained(): void;
  /** It is over, at once or later after the call that it is the end of; said once, and last. */
  failed(reason: string): void;
}

export interface DialedStreamOptions {
  readonly scheduler: Scheduler;
  /** A ping is sent this often, and has so long to be answered; the answer to a large message does not hold it up. */
  readonly aliveMs: number;
}

/**
 * One call of `engram.Peer/Link` on a connection of its own, over Node's HTTP/2. Not over grpc-js (1.14), the connections
 * of which cannot be ended: what a closed client has failed to connect to, it connects to later, and stays there.
 */
export class DialedStream {
  readonly #sink: DialedStreamSink;
  readonly #options: DialedStreamOptions;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #messages: GrpcMessages;
  #unsentBytes = 0;
  #isFull = false;
  #isAnswered = false;
  #isOver = false;
  /** What the other side said when it ended the call. */
  #status: string | undefined;
  #cancelPing: Cancel = () => undefined;

  constructor(address: PeerAddress, sink: DialedStreamSink, options: DialedStreamOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#messages = new GrpcMessages((message) => {
      if (!this.#isOver) sink.message(message);
    });
    const { host, port, tls } = address;
    const socket =
      tls === undefined
        ? connectTcp({ host, port })
        : connectTls({ ...tls, host, port, ALPNProtocols: ['h2'] });
    this.#socket = socket.setNoDelay(true);
    // The first to hear of a failure tells why; the session and the stream only know that they were cut.
    socket.on('error', (error: Error) => this.#broken(error));
    const scheme = tls === undefined ? 'http' : 'https';
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#session = connectHttp2(`${scheme}://${authority}`, {
      createConnection: () => socket,
      maxSessionMemory: SESSION_MEGABYTES_MAX,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    this.#session.on('error', (error: Error) => this.#broken(error));
    this.#session.on('connect', (session) => session.setLocalWindowSize(WINDOW_BYTES));
    this.#stream = this.#open(scheme);
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** False: the way is full, `drained` will tell; what was given is sent all the same. */
  write(message: Buffer): boolean {
    if (this.#isOver) return true;
    const bytes = prefixed(message);
    this.#unsentBytes += bytes.length;
    this.#stream.write(bytes, () => this.#sent(bytes.length));
    this.#isFull ||= this.#unsentBytes > FULL_BYTES;
    return !this.#isFull;
  }

  /** Sends what was given, and says that there is no more. */
  end(): void {
    if (!this.#isOver) this.#stream.end();
  }

  /** Cuts the connection; nothing more is heard. */
  destroy(): void {
    this.#isOver = true;
    this.#cancelPing();
    this.#session.destroy();
    // A session that is not connected yet leaves its socket alone.
    this.#socket.destroy();
  }

  #open(scheme: string): ClientHttp2Stream {
    const stream = this.#session.request(
      {
        ...{ ':method': 'POST', ':path': LINK_PATH, ':scheme': scheme },
        ...{ 'content-type': 'application/grpc', te: 'trailers' },
      },
      { endStream: false },
    );
    stream.on('response', (headers) => this.#headers(headers));
    stream.on('trailers', (headers: AnswerHeaders) => this.#headers(headers));
    stream.on('data', (chunk: Buffer) => this.#data(chunk));
    stream.on('error', (error: Error) => this.#broken(error));
    for (const event of ['end', 'close'] as const) stream.on(event, () => this.#closed());
    return stream;
  }

  #headers(headers: AnswerHeaders): void {
    if (!this.#isAnswered) this.#pingLater();
    this.#isAnswered = true;
    this.#status ??= statusOf(headers);
  }

  #data(chunk: Buffer): void {
    if (this.#isOver) return;
    const problem = this.#messages.push(chunk);
    if (problem !== undefined) this.#fail(problem);
  }

  #sent(bytes: number): void {
    this.#unsentBytes -= bytes;
    if (!this.#isFull || this.#unsentBytes > ROOM_BYTES || this.#isOver) return;
    this.#isFull = false;
    this.#sink.drained();
  }

  /** From the first answer on; until then, who dials gives up by himself. */
  #pingLater(): void {
    const { scheduler, aliveMs } = this.#options;
    this.#cancelPing = scheduler.after(aliveMs, () => {
      const noAnswer = `no answer to a ping within ${aliveMs} ms`;
      this.#cancelPing = scheduler.after(aliveMs, () => this.#fail(noAnswer));
      this.#session.ping(() => {
        if (this.#isOver) return;
        this.#cancelPing();
        this.#pingLater();
      });
    });
  }

  #closed(): void {
    this.#fail(this.#status ?? (this.#isAnswered ? ENDED : connectionFailure(undefined)));
  }

  #broken(error: Error): void {
    this.#fail(this.#status ?? connectionFailure(error, this.#isAnswered));
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.destroy();
    this.#sink.failed(reason);
  }
}

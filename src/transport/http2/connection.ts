import type { Socket } from 'node:net';
import { ControlReader } from './control.ts';
import type { Http2Environment } from './environment.ts';
import { ErrorCode } from './error-code.ts';
import {
  CONTINUATION,
  DATA,
  FLAG_ACK,
  GOAWAY,
  HEADERS,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  STREAM_ID_MAX,
  WINDOW_BYTES_INITIAL,
  WINDOW_UPDATE,
} from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { RequestReader } from './requests.ts';
import { Session } from './session.ts';
import { ConnectionViolation, protocolError } from './violation.ts';
import { Watchdog } from './watchdog.ts';

/** The pings that we send, by their first bytes. */
const drainPing = Buffer.from('drain...', 'latin1');
const alivePing = Buffer.from('alive...', 'latin1');

/**
 * The server's side of an HTTP/2 connection.
 *
 * It is open, then closing (GOAWAY was sent and nothing is read any more; what has been sent is on its way), then closed.
 * While it is open it may be draining: first the client is asked to open no more streams, then, when what it had sent
 * before it knew has come, it is told which ones are served, and when those have ended the connection closes.
 */
export class Http2Connection implements FrameSink {
  readonly socket: Socket;
  /** Nothing is read any more. */
  isOver = false;
  readonly #environment: Http2Environment;
  readonly #session: Session;
  readonly #reader: FrameReader;
  readonly #requests: RequestReader;
  readonly #control: ControlReader;
  readonly #watchdog: Watchdog;
  #hasSettings = false;
  #isPaused = false;
  #isClosed = false;
  #draining: 'no' | 'announced' | 'final' = 'no';
  readonly #closeListeners: (() => void)[] = [];

  constructor(socket: Socket, environment: Http2Environment) {
    this.socket = socket;
    this.#environment = environment;
    this.#session = new Session(socket, environment, {
      emptied: () => this.#emptied(),
      sent: () => this.#sent(),
    });
    this.#reader = new FrameReader(this);
    this.#requests = new RequestReader(this.#session);
    this.#control = new ControlReader(this.#session, (data) => this.#pong(data));
    this.#watchdog = new Watchdog(environment, this.#session);
  }

  /** Requests that are open. */
  get streams(): number {
    return this.#session.streams.size;
  }

  /** Address and port of the client. */
  get peer(): string {
    return this.#session.peer;
  }

  /** Starts to serve; `first` are bytes that somebody else has read from the socket already. */
  start(first?: Buffer): void {
    const { limits } = this.#environment;
    const { sender } = this.#session;
    this.#environment.add(this);
    this.socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.socket.on('end', () => this.#close(false));
    // A close follows, which says all that matters.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.#closed());
    sender.frames.settings([
      [SETTINGS_MAX_CONCURRENT_STREAMS, limits.streamsMax],
      [SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
      [SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
    ]);
    if (limits.connectionWindowBytes > WINDOW_BYTES_INITIAL) {
      sender.frames.windowUpdate(0, limits.connectionWindowBytes - WINDOW_BYTES_INITIAL);
      this.#session.receiveWindow = limits.connectionWindowBytes;
    }
    if (this.socket.destroyed) this.#closed();
    else if (first !== undefined) this.#receive(first);
  }

  /** Lets the open requests end, then closes. Resolves when the connection is closed, by whomever. */
  drain(): Promise<void> {
    if (this.#draining === 'no' && !this.isOver) {
      this.#draining = 'announced';
      this.#session.sender.frames.goAway(STREAM_ID_MAX, ErrorCode.noError, '');
      this.#session.sender.frames.ping(drainPing, 0, false);
      this.#watchdog.drainAnnounced();
    }
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => this.#closeListeners.push(resolve));
  }

  /** Closes at once; what is open is cancelled. */
  destroy(): void {
    this.isOver = true;
    this.socket.destroy();
    this.#session.cancelAll(ErrorCode.cancel);
  }

  /** A second has passed. */
  tick(): void {
    const verdict = this.#watchdog.tick({
      isOver: this.isOver,
      hasSettings: this.#hasSettings,
      isInside: this.#reader.isInside || this.#requests.isInBlock,
      begun: this.#reader.splitsBegun + this.#requests.blocksBegun,
    });
    switch (verdict) {
      case 'fine':
        return;
      case 'ping':
        this.#session.sender.frames.ping(alivePing, 0, false);
        return;
      case 'drained':
        this.#announceFinal();
        return;
      case 'close':
        this.socket.destroy();
        return;
      default:
        this.#environment.onViolation(ErrorCode.enhanceYourCalm, verdict, this.peer);
        if (verdict === 'frame not completed') this.#sayGoodbye(ErrorCode.enhanceYourCalm, verdict);
        else this.destroy();
    }
  }

  frame(type: number, flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (this.#requests.isInBlock && type !== CONTINUATION) throw protocolError('header block interrupted');
    if (!this.#hasSettings) {
      if (type !== SETTINGS || (flags & FLAG_ACK) !== 0) throw protocolError('no SETTINGS first');
      this.#hasSettings = true;
    }
    switch (type) {
      case DATA:
        this.#requests.data(flags, id, chunk, start, end);
        return;
      case HEADERS:
        this.#requests.headers(flags, id, chunk, start, end);
        return;
      case PRIORITY:
        this.#control.priority(id, chunk, start, end);
        return;
      case RST_STREAM:
        this.#requests.reset(id, chunk, start, end);
        return;
      case SETTINGS:
        this.#control.settings(flags, id, chunk, start, end);
        return;
      case PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE from a client');
      case PING:
        this.#control.ping(flags, id, chunk, start, end);
        return;
      case GOAWAY:
        this.#control.goAway(id, start, end);
        return;
      case WINDOW_UPDATE:
        this.#control.windowUpdate(id, chunk, start, end);
        return;
      case CONTINUATION:
        this.#requests.continuation(flags, id, chunk, start, end);
        return;
      default:
        this.#control.ignored();
    }
  }

  #receive(chunk: Buffer): void {
    if (this.isOver) return;
    this.#watchdog.received();
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.#failed(error);
    }
    if (this.#session.sender.output.waiting > this.#environment.limits.unsentBytesMax) this.#pause();
  }

  #failed(error: unknown): void {
    if (this.isOver) return;
    if (error instanceof ConnectionViolation) {
      this.#environment.onViolation(error.code, error.message, this.peer);
      this.#sayGoodbye(error.code, error.message);
    } else {
      this.#environment.onFault(error, this.peer);
      this.#sayGoodbye(ErrorCode.internalError, '');
    }
  }

  /** A client that does not read what it is sent is not read from either, so that what waits for it has a bound. */
  #pause(): void {
    this.#isPaused = true;
    this.socket.pause();
  }

  #sent(): void {
    this.#watchdog.sent();
    if (!this.#isPaused) return;
    if (this.#session.sender.output.unsent > this.#environment.limits.unsentBytesMax / 2) return;
    this.#isPaused = false;
    this.socket.resume();
  }

  #pong(data: number): void {
    if (this.#draining === 'announced' && data === drainPing.readUInt32BE(0)) this.#announceFinal();
  }

  /** Says which streams are served. */
  #announceFinal(): void {
    if (this.#draining !== 'announced') return;
    this.#draining = 'final';
    this.#session.servedIdMax = this.#session.lastId;
    this.#session.sender.frames.goAway(this.#session.lastId, ErrorCode.noError, '');
    if (this.#session.streams.size === 0) this.#close(true);
  }

  #emptied(): void {
    if (this.#draining === 'final') this.#close(true);
  }

  #sayGoodbye(code: number, message: string): void {
    this.#session.sender.frames.goAway(this.#session.lastId, code, message);
    this.#close(false);
  }

  /**
   * Sends what there is, and ends. What the client still sends is read and dropped for a while: if the connection were
   * closed with something unread, the client might never see the last of what it was sent.
   */
  #close(isGraceful: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#session.cancelAll(ErrorCode.cancel);
    this.#session.sender.flush();
    this.socket.end();
    this.socket.resume();
    this.#watchdog.closing(isGraceful);
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.isOver = true;
    this.#environment.remove(this);
    this.#session.cancelAll(ErrorCode.cancel);
    for (const run of this.#closeListeners) run();
  }
}

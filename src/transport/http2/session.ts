import type { Socket } from 'node:net';
import { assert } from '../../base/index.ts';
import { ClosedStreams } from './closed-streams.ts';
import type { Http2Environment } from './environment.ts';
import { ErrorCode } from './error-code.ts';
import { FloodGuard } from './flood-guard.ts';
import { STREAM_ID_MAX, WINDOW_BYTES_INITIAL } from './frame.ts';
import { Sender, type SenderHost } from './sender.ts';
import { StreamTable } from './stream-table.ts';
import type { StreamState } from './stream-state.ts';

/** What a session tells its connection. */
export interface SessionHost {
  /** The last open stream has ended. */
  emptied(): void;
  /** The system has taken something. */
  sent(): void;
}

/** The streams of a connection and what they share: how they begin and end, and what the client may send. */
export class Session implements SenderHost {
  readonly environment: Http2Environment;
  readonly sender: Sender;
  readonly streams = new StreamTable<StreamState>();
  readonly closed = new ClosedStreams();
  readonly floods: FloodGuard;
  /** Address and port of the client. */
  readonly peer: string;
  /** The highest stream that the client has begun. */
  lastId = 0;
  /** The highest one that is served; what belongs to higher ones is ignored after GOAWAY. */
  servedIdMax = STREAM_ID_MAX;
  /** What the headers of open streams hold. */
  openHeaderBytes = 0;
  /** What the client may send on all streams together, and what it was not told of yet. */
  receiveWindow = WINDOW_BYTES_INITIAL;
  #ungranted = 0;
  #isOver = false;
  readonly #host: SessionHost;
  readonly #grantBytesMin: number;
  readonly #streamGrantBytesMin: number;

  constructor(socket: Socket, environment: Http2Environment, host: SessionHost) {
    this.environment = environment;
    this.#host = host;
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`;
    this.floods = new FloodGuard(environment.limits.floods, environment.second);
    this.sender = new Sender(socket, environment, this);
    this.#grantBytesMin = environment.limits.connectionWindowBytes / 2;
    this.#streamGrantBytesMin = environment.limits.streamWindowBytes / 2;
  }

  // What the sender tells.

  finished(stream: StreamState): void {
    if (stream.closed) return;
    this.floods.answered();
    if (stream.endedByPeer) this.closed.ended(stream.id);
    else {
      // The answer does not need the rest of the request: RFC 9113, section 8.1.
      this.sender.frames.resetStream(stream.id, ErrorCode.noError);
      this.closed.reset(stream.id);
    }
    this.#remove(stream);
  }

  dataSent(): void {
    this.floods.dataSent();
  }

  sent(): void {
    this.#host.sent();
  }

  /** A receiver or the handler has thrown. */
  failed(stream: StreamState, error: unknown): void {
    this.environment.onFault(error, this.peer);
    if (stream.closed) return;
    this.reset(stream, ErrorCode.internalError);
    this.tellCancelled(stream, ErrorCode.internalError);
  }

  // The beginning and the ends of streams.

  add(stream: StreamState): void {
    this.streams.add(stream);
    this.openHeaderBytes += stream.headBytes;
  }

  /** Resets a stream because its handler says so. */
  reset(stream: StreamState, code: number): void {
    if (stream.closed) return;
    this.sender.frames.resetStream(stream.id, code);
    this.closed.reset(stream.id);
    this.#remove(stream);
  }

  /** Resets a stream because of what the client did: RFC 9113, section 5.4.2. */
  streamError(stream: StreamState, code: number): void {
    this.floods.reset(this.environment.second);
    this.reset(stream, code);
    this.tellCancelled(stream, code);
  }

  /** Resets a stream that was not opened. */
  refuse(id: number, code: number): void {
    this.floods.reset(this.environment.second);
    this.sender.frames.resetStream(id, code);
    this.closed.reset(id);
  }

  /** The client has reset a stream. */
  resetByPeer(stream: StreamState, code: number): void {
    this.closed.ended(stream.id);
    this.#remove(stream);
    this.tellCancelled(stream, code);
    this.floods.reset(this.environment.second);
  }

  /** The connection is over. */
  cancelAll(code: number): void {
    this.#isOver = true;
    for (const stream of this.streams.all()) {
      this.#remove(stream);
      this.tellCancelled(stream, code);
    }
  }

  /** Tells the receiver of a stream that was removed. */
  tellCancelled(stream: StreamState, code: number): void {
    try {
      stream.receiver.cancelled(code);
    } catch (error) {
      this.environment.onFault(error, this.peer);
    }
  }

  #remove(stream: StreamState): void {
    stream.closed = true;
    stream.isEnding = true;
    this.sender.turns.drop(stream);
    this.streams.delete(stream.id);
    this.openHeaderBytes -= stream.headBytes;
    if (stream.unconsumed > 0) this.grant(stream.unconsumed);
    if (this.streams.size === 0) this.#host.emptied();
  }

  // What the client may send.

  /** The receiver of a stream has done with so many bytes. */
  consumed(stream: StreamState, bytes: number): void {
    if (stream.closed) return;
    assert(bytes <= stream.unconsumed, 'no more is consumed than was received');
    stream.unconsumed -= bytes;
    this.grantStream(stream, bytes);
    this.grant(bytes);
  }

  /** Windows are opened in large steps, and for streams on which nothing can come any more not at all. */
  grantStream(stream: StreamState, bytes: number): void {
    stream.ungranted += bytes;
    if (stream.ungranted < this.#streamGrantBytesMin || stream.endedByPeer) return;
    this.sender.frames.windowUpdate(stream.id, stream.ungranted);
    stream.receiveWindow += stream.ungranted;
    stream.ungranted = 0;
  }

  grant(bytes: number): void {
    this.#ungranted += bytes;
    if (this.#ungranted < this.#grantBytesMin || this.#isOver) return;
    this.sender.frames.windowUpdate(0, this.#ungranted);
    this.receiveWindow += this.#ungranted;
    this.#ungranted = 0;
  }
}

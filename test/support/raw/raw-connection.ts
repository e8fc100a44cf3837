import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { AnswerHeads } from './answer-heads.ts';
import type { AnswerHead } from './answer-heads.ts';
import {
  FIRST_WINDOW_BYTES,
  Flag,
  frame,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  FrameType,
  MESSAGE_HEAD_BYTES,
  NOTHING,
  PREFACE,
  Setting,
  settings,
  STREAM_ID_MAX,
  windowUpdate,
  writeFrameHead,
  writeWord,
} from '../frames.ts';
import { NO_STATUS } from './raw-stream.ts';
import type { RawStream } from './raw-stream.ts';
import { RequestHeads } from './request-heads.ts';

/** Mutual TLS: PEM texts. */
export interface RawTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RawOptions {
  /** `host:port`. */
  readonly target: string;
  readonly tls?: RawTls;
}

const READ_BYTES = 256 * 1024;
const OUT_BYTES = 64 * 1024;
/** What the server may send ahead of us, on a stream and on the connection. */
const STREAM_WINDOW_BYTES = 16 * 2 ** 20;
const WINDOW_BYTES = 64 * 2 ** 20;
/** Streams open at a time, at most; a power of two. */
const STREAMS_MAX = 4096;

/**
 * gRPC calls as bare frames over one connection, for loads that a real client (40 us a call) could not make beside the
 * server. Requests are written straight into the output, answers are handed out where they were received, and every
 * call's grpc-status is read. A message to be sent fits one frame.
 */
export class RawConnection {
  /** When the bytes being handed out arrived, of performance.now(). */
  nowMs = 0;
  /** Where `begin` and `append` say that a message is to be written. */
  out: Buffer = Buffer.allocUnsafe(OUT_BYTES);
  /** Why the connection is of no more use. */
  fault: string | undefined;
  readonly #socket: Socket;
  readonly #requests: RequestHeads;
  readonly #answers = new AnswerHeads();
  readonly #streams: (RawStream | undefined)[] = new Array<undefined>(STREAMS_MAX).fill(undefined);
  readonly #waiting: RawStream[] = [];
  readonly #spare: Buffer[] = [];
  #used = 0;
  #nextId = 1;
  /** What the server lets this connection, and each new stream, send. */
  #window = FIRST_WINDOW_BYTES;
  #streamWindow = FIRST_WINDOW_BYTES;
  #ungranted = 0;
  // The frame being received. Its head, and whatever is not data, is put together in #partial unless it came whole.
  #partial = Buffer.allocUnsafe(FRAME_HEAD_BYTES + FRAME_BYTES_MAX);
  #partialBytes = 0;
  #dataLeft = 0;
  #dataEnds = false;
  #dataStream: RawStream | undefined;
  #headerBlock: Buffer | undefined;

  static async to(options: RawOptions): Promise<RawConnection> {
    const [host, port] = options.target.split(':');
    // Only a plain socket can read into one buffer again and again.
    const onread = {
      buffer: Buffer.allocUnsafe(READ_BYTES),
      callback: (length: number, bytes: Uint8Array): boolean => {
        connection.receive(bytes as Buffer, length);
        return true;
      },
    };
    const { tls } = options;
    const to = { host: host!, port: Number(port) };
    const socket =
      tls === undefined
        ? connect({ ...to, onread })
        : connectSecure({ ...to, ...tls, ALPNProtocols: ['h2'] });
    // eslint-disable-next-line prefer-const -- bytes come only after the connection has been made
    let connection: RawConnection;
    const opened = tls === undefined ? 'connect' : 'secureConnect';
    await new Promise<void>((resolve, reject) => socket.once(opened, resolve).once('error', reject));
    socket.setNoDelay(true);
    connection = new RawConnection(socket, options);
    if (tls !== undefined) socket.on('data', (bytes: Buffer) => connection.receive(bytes, bytes.length));
    return connection;
  }

  private constructor(socket: Socket, options: RawOptions) {
    this.#socket = socket;
    this.#requests = new RequestHeads(options.target, options.tls !== undefined);
    socket.on('close', () => this.#fail('the server has closed the connection'));
    socket.on('error', (error) => this.#fail(error.message));
    this.#write(PREFACE);
    this.#write(settings([Setting.enablePush, 0], [Setting.initialWindowSize, STREAM_WINDOW_BYTES]));
    this.#write(windowUpdate(0, WINDOW_BYTES - FIRST_WINDOW_BYTES));
    this.flush();
  }

  /**
   * Begins a call with its first message, of `length` bytes, for which there is room in `out` at the returned offset: the
   * caller writes it before anything else. -1: no room in the server's window, `stream.ready` will tell. `ends` closes
   * the request.
   */
  begin(path: string, length: number, stream: RawStream, ends: boolean): number {
    const payload = MESSAGE_HEAD_BYTES + length;
    if (payload > FRAME_BYTES_MAX) throw new RangeError(`A message of ${length} bytes does not fit a frame`);
    if (payload > this.#window) return this.#wait(stream);
    if (this.fault !== undefined) {
      setImmediate(() => stream.ended(NO_STATUS, this.fault));
      return this.#room(payload);
    }
    const id = this.#freeId();
    this.#streams[(id >>> 1) & (STREAMS_MAX - 1)] = stream;
    stream.id = id;
    stream.ungranted = 0;
    stream.window = this.#streamWindow;
    const block = this.#requests.block(path);
    let at = this.#room(block.length + payload + 2 * FRAME_HEAD_BYTES);
    at = writeFrameHead(this.out, at, block.length, FrameType.headers, Flag.endHeaders, id);
    for (let i = 0; i < block.length; i++) this.out[at + i] = block[i]!;
    return this.#message(at + block.length, length, stream, ends);
  }

  /** Another message of a call whose request is still open; as `begin`. */
  append(length: number, stream: RawStream, ends: boolean): number {
    const payload = MESSAGE_HEAD_BYTES + length;
    if (payload > stream.window || payload > this.#window) return this.#wait(stream);
    return this.#message(this.#room(payload + FRAME_HEAD_BYTES), length, stream, ends);
  }

  /** Gives up a call; nothing more is heard of it. */
  cancel(stream: RawStream): void {
    this.#streams[(stream.id >>> 1) & (STREAMS_MAX - 1)] = undefined;
    const code = Buffer.alloc(4);
    code.writeUInt32BE(8);
    this.#write(frame(FrameType.reset, 0, stream.id, code));
    this.flush();
  }

  /** Sends what has been written. What is written while bytes are received is sent after them without it. */
  flush(): void {
    if (this.#used === 0) return;
    const buffer = this.out;
    const bytes = buffer.subarray(0, this.#used);
    this.#used = 0;
    this.out = this.#spare.pop() ?? Buffer.allocUnsafe(OUT_BYTES);
    if (!this.#socket.destroyed) this.#socket.write(bytes, () => this.#spare.push(buffer));
  }

  close(): void {
    this.#socket.destroy();
  }

  receive(bytes: Buffer, length: number): void {
    this.nowMs = performance.now();
    let at = 0;
    try {
      while (at < length)
        at = this.#dataLeft > 0 ? this.#data(bytes, at, length) : this.#frame(bytes, at, length);
    } catch (error) {
      this.#fail(String(error));
      this.#socket.destroy();
      return;
    }
    if (this.#ungranted > WINDOW_BYTES / 4) {
      this.#write(windowUpdate(0, this.#ungranted));
      this.#ungranted = 0;
    }
    this.flush();
  }

  #wait(stream: RawStream): number {
    this.#waiting.push(stream);
    return -1;
  }

  #freeId(): number {
    // A long call keeps its place in the ring: numbers that would take the same place are left out.
    for (let tries = 0; tries < STREAMS_MAX; tries++) {
      const id = this.#nextId;
      if (id > STREAM_ID_MAX) break;
      this.#nextId += 2;
      if (this.#streams[(id >>> 1) & (STREAMS_MAX - 1)] === undefined) return id;
    }
    throw new RangeError('No stream number is left on the connection');
  }

  /** Reserves room in `out` and returns where it starts. */
  #room(bytes: number): number {
    if (this.#used + bytes > OUT_BYTES) this.flush();
    const at = this.#used;
    this.#used += bytes;
    return at;
  }

  #message(at: number, length: number, stream: RawStream, ends: boolean): number {
    const payload = MESSAGE_HEAD_BYTES + length;
    this.#window -= payload;
    stream.window -= payload;
    const flags = ends ? Flag.endStream : 0;
    const start = writeFrameHead(this.out, at, payload, FrameType.data, flags, stream.id);
    this.out[start] = 0;
    return writeWord(this.out, start + 1, length);
  }

  #write(bytes: Buffer): void {
    const at = this.#room(bytes.length);
    bytes.copy(this.out, at);
  }

  /** A frame's head, or a part of it, at `at`; returns where to go on. */
  #frame(bytes: Buffer, at: number, length: number): number {
    if (this.#partialBytes > 0 || length - at < FRAME_HEAD_BYTES) return this.#collect(bytes, at, length);
    if (this.#isPlainData(bytes, at)) return this.#beginData(bytes, at);
    const end = at + FRAME_HEAD_BYTES + frameLength(bytes, at);
    if (end > length) return this.#collect(bytes, at, length);
    this.#whole(bytes, at, end);
    return end;
  }

  #isPlainData(bytes: Buffer, at: number): boolean {
    return bytes[at + 3] === FrameType.data && (bytes[at + 4]! & Flag.padded) === 0;
  }

  /** Takes what is missing of the frame in `#partial`: first of its head, then of the rest. */
  #collect(bytes: Buffer, at: number, length: number): number {
    const have = this.#partialBytes;
    const partial = this.#partial;
    const wanted = have < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + frameLength(partial, 0);
    const next = Math.min(length, at + wanted - have);
    bytes.copy(partial, have, at, next);
    this.#partialBytes = have + next - at;
    if (this.#partialBytes < FRAME_HEAD_BYTES) return next;
    if (this.#isPlainData(partial, 0)) {
      this.#partialBytes = 0;
      this.#beginData(partial, 0);
    } else if (this.#partialBytes === FRAME_HEAD_BYTES + frameLength(partial, 0)) {
      this.#partialBytes = 0;
      this.#whole(partial, 0, FRAME_HEAD_BYTES + frameLength(partial, 0));
    }
    return next;
  }

  #beginData(bytes: Buffer, at: number): number {
    const id = readWord(bytes, at + 5);
    this.#dataLeft = frameLength(bytes, at);
    this.#ungranted += this.#dataLeft;
    this.#dataEnds = (bytes[at + 4]! & Flag.endStream) !== 0;
    this.#dataStream = this.#streamOf(id);
    if (this.#dataLeft === 0 && this.#dataEnds) this.#end(id, NO_STATUS, 'the answer has no trailers');
    return at + FRAME_HEAD_BYTES;
  }

  #data(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    const stream = this.#dataStream;
    if (stream === undefined) return end;
    stream.data(bytes, at, end);
    stream.ungranted += end - at;
    if (stream.ungranted > STREAM_WINDOW_BYTES / 4) {
      this.#write(windowUpdate(stream.id, stream.ungranted));
      stream.ungranted = 0;
    }
    if (this.#dataLeft === 0 && this.#dataEnds) this.#end(stream.id, NO_STATUS, 'the answer has no trailers');
    return end;
  }

  /** A frame that is here from its head to its end. */
  #whole(bytes: Buffer, at: number, end: number): void {
    const flags = bytes[at + 4]!;
    const id = readWord(bytes, at + 5);
    const start = at + FRAME_HEAD_BYTES;
    switch (bytes[at + 3]) {
      case FrameType.headers:
        return this.#headers(bytes, start, end, flags, id);
      case FrameType.continuation:
        return this.#continuation(bytes, start, end, flags, id);
      case FrameType.data: {
        this.#ungranted += end - start;
        this.#streamOf(id)?.data(bytes, start + 1, end - bytes[start]!);
        if ((flags & Flag.endStream) !== 0) this.#end(id, NO_STATUS, 'the answer has no trailers');
        return;
      }
      case FrameType.reset:
        return this.#end(id, NO_STATUS, `the stream was reset with code ${readWord(bytes, start)}`);
      case FrameType.settings:
        return (flags & Flag.ack) === 0 ? this.#settings(bytes, start, end) : undefined;
      case FrameType.ping: {
        if ((flags & Flag.ack) !== 0) return;
        return this.#write(frame(FrameType.ping, Flag.ack, 0, Buffer.from(bytes.subarray(start, end))));
      }
      case FrameType.goAway:
        return this.#fail(`the server goes away with code ${readWord(bytes, start + 4)}`);
      case FrameType.windowUpdate:
        return this.#windowUpdate(id, readWord(bytes, start));
      default:
        return;
    }
  }

  #headers(bytes: Buffer, at: number, end: number, flags: number, id: number): void {
    const padding = (flags & Flag.padded) === 0 ? 0 : bytes[at]!;
    const start = at + ((flags & Flag.padded) === 0 ? 0 : 1) + ((flags & Flag.priority) === 0 ? 0 : 5);
    const isLast = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0)
      return this.#answer(this.#answers.read(bytes, start, end - padding), id, isLast);
    this.#headerBlock = Buffer.from(bytes.subarray(start, end - padding));
    this.#dataEnds = isLast;
  }

  #continuation(bytes: Buffer, start: number, end: number, flags: number, id: number): void {
    const block = Buffer.concat([this.#headerBlock ?? NOTHING, bytes.subarray(start, end)]);
    this.#headerBlock = block;
    if ((flags & Flag.endHeaders) === 0) return;
    this.#answer(this.#answers.read(block, 0, block.length), id, this.#dataEnds);
  }

  #answer(head: AnswerHead, id: number, isLast: boolean): void {
    if (head.httpStatus !== undefined && head.httpStatus !== '200')
      return this.#end(id, NO_STATUS, `HTTP status ${head.httpStatus}`);
    if (isLast) this.#end(id, head.grpcStatus ?? NO_STATUS, head.grpcMessage);
  }

  #settings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      const name = bytes.readUInt16BE(at);
      const value = bytes.readUInt32BE(at + 2);
      if (name === Setting.headerTableSize && value < 4096)
        throw new RangeError(`A header table of ${value} bytes`);
      if (name !== Setting.initialWindowSize) continue;
      for (const stream of this.#streams)
        if (stream !== undefined) stream.window += value - this.#streamWindow;
      this.#streamWindow = value;
    }
    this.#write(frame(FrameType.settings, Flag.ack, 0, NOTHING));
    this.#wake();
  }

  #windowUpdate(id: number, increment: number): void {
    if (id === 0) this.#window += increment;
    else {
      const stream = this.#streamOf(id);
      if (stream !== undefined) stream.window += increment;
    }
    this.#wake();
  }

  /** Who waits tries again, and may be refused again. */
  #wake(): void {
    for (let count = this.#waiting.length; count > 0 && this.#window > 0; count--)
      this.#waiting.shift()!.ready();
  }

  #streamOf(id: number): RawStream | undefined {
    const stream = this.#streams[(id >>> 1) & (STREAMS_MAX - 1)];
    return stream?.id === id ? stream : undefined;
  }

  #end(id: number, status: number, message: string | undefined): void {
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    this.#streams[(id >>> 1) & (STREAMS_MAX - 1)] = undefined;
    stream.ended(status, message);
  }

  #fail(fault: string): void {
    this.fault ??= fault;
    for (const stream of this.#streams.slice())
      if (stream !== undefined) this.#end(stream.id, NO_STATUS, fault);
    this.#socket.destroy();
    // Those who wait begin, and are told.
    this.#window = Infinity;
    this.#wake();
  }
}

function frameLength(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

function readWord(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

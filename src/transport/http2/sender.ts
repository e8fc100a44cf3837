import type { Socket } from 'node:net';
import { assert } from '../../base/index.ts';
import type { Http2Environment } from './environment.ts';
import {
  DATA,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  HEADERS,
  WINDOW_BYTES_INITIAL,
  writeFrameHead,
} from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Body } from './handler.ts';
import { bodyBytes, isSlices, OutQueue } from './out-queue.ts';
import { Output } from './output.ts';
import type { StreamState } from './stream-state.ts';

/** Slices of at least that many bytes are sent as they are; smaller ones are copied, which is cheaper. */
const REFERENCED_BYTES_MIN = 8 * 1024;
/** What is left of a block is used for a DATA frame of at least that many bytes. */
const CUT_BYTES_MIN = 4 * 1024;
/** Answers up to that size take the short way: one copy into the block, if windows allow. */
const COPIED_BYTES_MAX = FRAME_BYTES_MAX;
/** What waits is referenced, but small bodies are copied: one entry is less than several. */
const JOINED_BYTES_MAX = 1024;
/** Writes of a connection before the end of a turn; then what is written waits, so that a turn has an end. */
const EARLY_FLUSHES_MAX = 8;
/** When too much waits on a connection, each stream gets this fraction of what it may else hold. */
const CROWDED_SHARE = 64;

export interface SenderHost {
  /** END_STREAM was sent. */
  finished(stream: StreamState): void;
  /** A DATA frame was sent. */
  dataSent(): void;
  /** `drained` has thrown. */
  failed(stream: StreamState, error: unknown): void;
  /** Something was given to the system. */
  sent(): void;
}

/**
 * Everything that a connection sends. Frames are put together in the output and leave in one write for each turn of the
 * event loop. What does not fit the windows or what the socket takes waits in the queues of streams, which take turns.
 */
export class Sender {
  readonly output: Output;
  readonly frames: FrameWriter;
  /** What the client lets us send on all streams together. */
  window = WINDOW_BYTES_INITIAL;
  /** What it lets us send on a new stream. */
  initialWindow = WINDOW_BYTES_INITIAL;
  /** Headers or data were sent since somebody looked. */
  hasAnswered = false;
  /** What waits in the queues of all streams. */
  queuedBytes = 0;
  readonly #environment: Http2Environment;
  readonly #host: SenderHost;
  readonly #pacedBytesMax: number;
  readonly #queueBytesMax: number;
  readonly #allQueuesBytesMax: number;
  #isFlushDue = false;
  #earlyFlushes = 0;
  /** Streams that have something to send and a window for it, in the order in which they get their turn. */
  #firstReady: StreamState | undefined;
  #lastReady: StreamState | undefined;
  /** The DATA frame at the end of the block, which takes more bytes of the same stream. */
  #openStream: StreamState | undefined;
  #openAt = 0;
  #openEnd = 0;

  constructor(socket: Socket, environment: Http2Environment, host: SenderHost) {
    this.#environment = environment;
    this.#host = host;
    this.#pacedBytesMax = environment.limits.pacedBytesMax;
    this.#queueBytesMax = environment.limits.streamQueueBytesMax;
    this.#allQueuesBytesMax = environment.limits.connectionQueueBytesMax;
    this.output = new Output(socket, environment.blocks, () => this.#sent());
    this.frames = new FrameWriter(this.output, () => this.touch());
  }

  respond(
    stream: StreamState,
    head: Uint8Array,
    prefix: Uint8Array,
    body: Body,
    trailers: Uint8Array | undefined,
  ): void {
    if (stream.isEnding) return;
    const bytes = prefix.length + bodyBytes(body);
    if (!this.#isShort(stream, bytes) || !this.#areShort(head, trailers)) {
      this.#headers(stream.id, head, bytes === 0 && trailers === undefined);
      if (bytes > 0) this.#enqueue(stream, prefix, body, bytes);
      this.#finishAfterQueue(stream, trailers, bytes === 0);
      return;
    }
    const dataBytes = bytes === 0 ? 0 : FRAME_HEAD_BYTES + bytes;
    const trailerBytes = trailers === undefined ? 0 : FRAME_HEAD_BYTES + trailers.length;
    const output = this.output;
    let at = output.reserve(FRAME_HEAD_BYTES + head.length + dataBytes + trailerBytes);
    const block = output.block;
    const isLast = bytes === 0 && trailers === undefined;
    at = writeHeaders(block, at, head, stream.id, isLast);
    if (bytes > 0) {
      const flags = trailers === undefined ? FLAG_END_STREAM : 0;
      writeFrameHead(block, at, bytes, DATA, flags, stream.id);
      at = writeBody(block, at + FRAME_HEAD_BYTES, prefix, body);
      this.#countData(stream, bytes);
    }
    if (trailers !== undefined) writeHeaders(block, at, trailers, stream.id, true);
    this.hasAnswered = true;
    this.touch();
    stream.isEnding = true;
    this.#host.finished(stream);
  }

  headers(stream: StreamState, block: Uint8Array, isLast: boolean): void {
    if (stream.isEnding) return;
    this.#headers(stream.id, block, isLast);
    if (isLast) this.#finish(stream);
  }

  write(stream: StreamState, prefix: Uint8Array, body: Body): boolean {
    if (stream.isEnding) return false;
    const bytes = prefix.length + bodyBytes(body);
    if (bytes === 0) return !stream.isFull;
    if (!this.#isShort(stream, bytes)) {
      this.#enqueue(stream, prefix, body, bytes);
      stream.isFull = stream.queue !== undefined && stream.queue.weightBytes >= this.#shareBytes;
      return !stream.isFull;
    }
    const output = this.output;
    if (this.#openStream === stream && output.used === this.#openEnd && this.#growOpenFrame(bytes)) {
      writeBody(output.block, this.#openEnd, prefix, body);
      this.#openEnd += bytes;
    } else {
      const at = output.reserve(FRAME_HEAD_BYTES + bytes);
      writeFrameHead(output.block, at, bytes, DATA, 0, stream.id);
      writeBody(output.block, at + FRAME_HEAD_BYTES, prefix, body);
      this.#openStream = stream;
      this.#openAt = at;
      this.#openEnd = output.used;
    }
    this.#countData(stream, bytes);
    this.hasAnswered = true;
    this.touch();
    return !stream.isFull;
  }

  /** Ends the stream after what waits, with trailers or without. */
  end(stream: StreamState, trailers: Uint8Array | undefined): void {
    if (!stream.isEnding) this.#finishAfterQueue(stream, trailers, false);
  }

  /** Whether the body can leave at once. */
  #isShort(stream: StreamState, bytes: number): boolean {
    return (
      bytes <= COPIED_BYTES_MAX &&
      bytes <= stream.sendWindow &&
      bytes <= this.window &&
      (stream.queue === undefined || stream.queue.bytes === 0) &&
      (this.output.waiting < this.#pacedBytesMax || this.#flushEarly())
    );
  }

  /** When much has been written in one turn and the socket is idle, it leaves before the end of the turn. */
  #flushEarly(): boolean {
    if (this.output.unsent > 0 || this.#earlyFlushes >= EARLY_FLUSHES_MAX) return false;
    this.#earlyFlushes++;
    this.#openStream = undefined;
    this.output.flush();
    return this.output.waiting < this.#pacedBytesMax;
  }

  #areShort(head: Uint8Array, trailers: Uint8Array | undefined): boolean {
    const bytes = head.length + (trailers === undefined ? 0 : trailers.length);
    return bytes <= FRAME_BYTES_MAX && !this.frames.isTableOffDue;
  }

  /** Makes the DATA frame at the end of the block longer. False when it would become too long. */
  #growOpenFrame(bytes: number): boolean {
    const output = this.output;
    const length = this.#openEnd - this.#openAt - FRAME_HEAD_BYTES + bytes;
    if (length > FRAME_BYTES_MAX || output.room < bytes) return false;
    output.reserve(bytes);
    const block = output.block;
    block[this.#openAt] = length >>> 16;
    block[this.#openAt + 1] = length >>> 8;
    block[this.#openAt + 2] = length;
    return true;
  }

  #countData(stream: StreamState, bytes: number): void {
    stream.sendWindow -= bytes;
    this.window -= bytes;
    this.#host.dataSent();
  }

  #headers(id: number, block: Uint8Array, isLast: boolean): void {
    this.frames.headers(id, block, isLast);
    this.hasAnswered = true;
  }

  #finishAfterQueue(stream: StreamState, trailers: Uint8Array | undefined, hasEnded: boolean): void {
    stream.isEnding = true;
    if (stream.queue !== undefined && stream.queue.bytes > 0) {
      stream.trailersBlock = trailers;
      return;
    }
    if (trailers !== undefined) this.#headers(stream.id, trailers, true);
    else if (!hasEnded) this.frames.frame(0, DATA, FLAG_END_STREAM, stream.id);
    this.#host.finished(stream);
  }

  #finish(stream: StreamState): void {
    stream.isEnding = true;
    this.#host.finished(stream);
  }

  // What waits.

  #enqueue(stream: StreamState, prefix: Uint8Array, body: Body, bytes: number): void {
    const queue = (stream.queue ??= new OutQueue());
    if (queue.bytes === 0) stream.progressSecond = this.#environment.second;
    if (bytes <= JOINED_BYTES_MAX) {
      const joined = Buffer.allocUnsafe(bytes);
      writeBody(joined, 0, prefix, body);
      queue.add(joined, bytes);
    } else {
      if (prefix.length > 0) queue.add(Buffer.from(prefix), prefix.length);
      queue.add(body, bytes - prefix.length);
    }
    this.queuedBytes += bytes;
    this.ready(stream);
  }

  /** What may wait in one stream: less when much waits in all of them. */
  get #shareBytes(): number {
    return this.queuedBytes < this.#allQueuesBytesMax
      ? this.#queueBytesMax
      : this.#queueBytesMax / CROWDED_SHARE;
  }

  /** The stream may have become able to send. */
  ready(stream: StreamState): void {
    if (stream.isReady || stream.closed || stream.sendWindow <= 0) return;
    if (stream.queue === undefined || stream.queue.bytes === 0) return;
    stream.isReady = true;
    stream.previousReady = this.#lastReady;
    if (this.#lastReady === undefined) this.#firstReady = stream;
    else this.#lastReady.nextReady = stream;
    this.#lastReady = stream;
    this.touch();
  }

  #unready(stream: StreamState): void {
    if (!stream.isReady) return;
    stream.isReady = false;
    if (stream.previousReady === undefined) this.#firstReady = stream.nextReady;
    else stream.previousReady.nextReady = stream.nextReady;
    if (stream.nextReady === undefined) this.#lastReady = stream.previousReady;
    else stream.nextReady.previousReady = stream.previousReady;
    stream.previousReady = undefined;
    stream.nextReady = undefined;
  }

  /** The stream is closed: what waits in it is dropped. */
  drop(stream: StreamState): void {
    const queue = stream.queue;
    if (queue === undefined) return;
    this.#unready(stream);
    this.queuedBytes -= queue.bytes;
    queue.clear();
    stream.queue = undefined;
    stream.trailersBlock = undefined;
  }

  /** Sees to it that what there is to send leaves at the end of the turn. */
  touch(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#environment.flushSoon(this);
  }

  /** Sends what there is, and what waits as far as windows and the socket take it. */
  flush(): void {
    this.#isFlushDue = false;
    this.#earlyFlushes = 0;
    if (this.#firstReady !== undefined) this.#pump();
    this.#openStream = undefined;
    this.output.flush();
  }

  #sent(): void {
    if (this.#firstReady !== undefined && this.window > 0) this.touch();
    this.#host.sent();
  }

  /** A DATA frame of each stream in turn. */
  #pump(): void {
    while (this.window > 0 && this.output.waiting < this.#pacedBytesMax) {
      if (this.#environment.turnBytesLeft <= 0) {
        this.touch();
        return;
      }
      const stream = this.#firstReady;
      if (stream === undefined) return;
      assert(!stream.closed, 'a stream that is closed is not ready');
      this.#unready(stream);
      if (stream.sendWindow > 0) this.#cut(stream);
    }
  }

  /** Sends one DATA frame of the stream's queue. */
  #cut(stream: StreamState): void {
    const queue = stream.queue;
    if (queue === undefined || queue.bytes === 0) return;
    const output = this.output;
    let length = Math.min(queue.bytes, stream.sendWindow, this.window, FRAME_BYTES_MAX);
    const room = output.room - FRAME_HEAD_BYTES;
    if (room >= CUT_BYTES_MIN && room < length) length = room;
    const isEnd = length === queue.bytes && stream.isEnding;
    const flags = isEnd && stream.trailersBlock === undefined ? FLAG_END_STREAM : 0;
    this.#data(stream.id, queue, length, flags);
    this.queuedBytes -= length;
    this.#environment.turnBytesLeft -= length;
    stream.progressSecond = this.#environment.second;
    this.hasAnswered = true;
    this.#countData(stream, length);
    if (queue.bytes > 0) this.ready(stream);
    if (isEnd) {
      if (stream.trailersBlock !== undefined) this.#headers(stream.id, stream.trailersBlock, true);
      this.#host.finished(stream);
      return;
    }
    const isDrained = stream.isFull && !stream.isEnding && queue.weightBytes <= this.#shareBytes / 2;
    if (isDrained) this.#drained(stream);
  }

  /** Writes a DATA frame of the first `length` bytes of the queue. */
  #data(id: number, queue: OutQueue, length: number, flags: number): void {
    const output = this.output;
    const head = output.reserve(FRAME_HEAD_BYTES);
    writeFrameHead(output.block, head, length, DATA, flags, id);
    let left = length;
    while (left > 0) {
      const slice = queue.slice;
      const offset = queue.offset;
      const bytes = Math.min(left, slice.length - offset);
      const isWhole = bytes === slice.length;
      if (bytes >= REFERENCED_BYTES_MIN) {
        output.reference(isWhole ? slice : slice.subarray(offset, offset + bytes));
      } else if (bytes > 0) {
        const at = output.reserve(bytes);
        output.block.set(isWhole ? slice : slice.subarray(offset, offset + bytes), at);
      }
      queue.advance(bytes);
      left -= bytes;
    }
  }

  #drained(stream: StreamState): void {
    stream.isFull = false;
    try {
      stream.receiver.drained();
    } catch (error) {
      this.#host.failed(stream, error);
    }
  }
}

function writeHeaders(block: Buffer, at: number, fields: Uint8Array, id: number, isLast: boolean): number {
  const flags = isLast ? FLAG_END_HEADERS | FLAG_END_STREAM : FLAG_END_HEADERS;
  writeFrameHead(block, at, fields.length, HEADERS, flags, id);
  block.set(fields, at + FRAME_HEAD_BYTES);
  return at + FRAME_HEAD_BYTES + fields.length;
}

function writeBody(block: Buffer, start: number, prefix: Uint8Array, body: Body): number {
  let at = start;
  for (let index = 0; index < prefix.length; index++) block[at++] = prefix[index]!;
  if (!isSlices(body)) {
    block.set(body, at);
    return at + body.length;
  }
  for (let index = 0; index < body.length; index++) {
    const slice = body[index]!;
    block.set(slice, at);
    at += slice.length;
  }
  return at;
}

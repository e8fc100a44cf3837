import type { Socket } from 'node:net';
import { bodyBytes, closeBody, writeBody } from './body.ts';
import type { Http2Environment } from './environment.ts';
import {
  DATA,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  HEADERS,
  writeFrameHead,
} from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Body } from './handler.ts';
import { Output } from './output.ts';
import type { StreamState } from './stream-state.ts';
import { Turns, type TurnsHost } from './turns.ts';

/** Answers up to that size take the short way: one copy into the block, if windows allow. */
const COPIED_BYTES_MAX = FRAME_BYTES_MAX;
/** Writes of a connection before the end of a turn; then what is written waits, so that a turn has an end. */
const EARLY_FLUSHES_MAX = 8;

export interface SenderHost extends TurnsHost {
  /** Something was given to the system. */
  sent(): void;
}

/**
 * Everything that a connection sends. Frames are put together in the output and leave in one write for each turn of the
 * event loop. What does not fit the windows or what the socket takes waits for its turn.
 */
export class Sender {
  readonly output: Output;
  readonly frames: FrameWriter;
  readonly turns: Turns;
  readonly #environment: Http2Environment;
  readonly #host: SenderHost;
  readonly #pacedBytesMax: number;
  #isFlushDue = false;
  #earlyFlushes = 0;
  /** The DATA frame at the end of the block, which takes more bytes of the same stream. */
  #openStream: StreamState | undefined;
  #openAt = 0;
  #openEnd = 0;

  constructor(socket: Socket, environment: Http2Environment, host: SenderHost) {
    this.#environment = environment;
    this.#host = host;
    this.#pacedBytesMax = environment.limits.pacedBytesMax;
    const touch = (): void => this.touch();
    this.output = new Output(socket, environment.blocks, () => this.#sent());
    this.frames = new FrameWriter(this.output, touch);
    this.turns = new Turns(environment, this.frames, { output: this.output, host, touch });
  }

  respond(
    stream: StreamState,
    head: Uint8Array,
    prefix: Uint8Array,
    body: Body,
    trailers: Uint8Array | undefined,
  ): void {
    if (stream.isEnding) {
      closeBody(body);
      return;
    }
    const bytes = prefix.length + bodyBytes(body);
    if (!this.#isShort(stream, bytes) || !this.#areShort(head, trailers)) {
      this.frames.headers(stream.id, head, bytes === 0 && trailers === undefined);
      if (bytes > 0) this.turns.enqueue(stream, prefix, body, bytes);
      else closeBody(body);
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
      writeBody(block, at + FRAME_HEAD_BYTES, prefix, body);
      at += FRAME_HEAD_BYTES + bytes;
      this.turns.count(stream, bytes);
    } else closeBody(body);
    if (trailers !== undefined) writeHeaders(block, at, trailers, stream.id, true);
    this.frames.hasAnswered = true;
    this.touch();
    this.#finish(stream);
  }

  headers(stream: StreamState, block: Uint8Array, isLast: boolean): void {
    if (stream.isEnding) return;
    this.frames.headers(stream.id, block, isLast);
    if (isLast) this.#finish(stream);
  }

  write(stream: StreamState, prefix: Uint8Array, body: Body): boolean {
    const bytes = prefix.length + bodyBytes(body);
    if (stream.isEnding || bytes === 0) {
      closeBody(body);
      return !stream.isEnding && !stream.isFull;
    }
    if (!this.#isShort(stream, bytes)) {
      this.turns.enqueue(stream, prefix, body, bytes);
      // Who writes on although it is full is told of the end of it all the same.
      if (this.turns.isFull(stream)) stream.isFull = true;
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
    this.turns.count(stream, bytes);
    this.touch();
    return !stream.isFull;
  }

  /** Ends the stream after what waits, with trailers or without. */
  end(stream: StreamState, trailers: Uint8Array | undefined): void {
    if (!stream.isEnding) this.#finishAfterQueue(stream, trailers, false);
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
    this.turns.take();
    this.#openStream = undefined;
    this.output.flush();
  }

  #sent(): void {
    if (this.turns.isSomeoneReady) this.touch();
    this.#host.sent();
  }

  /** Whether the body can leave at once. */
  #isShort(stream: StreamState, bytes: number): boolean {
    return (
      bytes <= COPIED_BYTES_MAX &&
      bytes <= stream.sendWindow &&
      bytes <= this.turns.window &&
      (stream.queue === undefined || stream.queue.bytes === 0) &&
      (this.output.waiting < this.#pacedBytesMax || this.#flushEarly())
    );
  }

  #areShort(head: Uint8Array, trailers: Uint8Array | undefined): boolean {
    const bytes = head.length + (trailers === undefined ? 0 : trailers.length);
    return bytes <= FRAME_BYTES_MAX && !this.frames.isTableOffDue;
  }

  /** When much has been written in one turn and the socket is idle, it leaves before the end of the turn. */
  #flushEarly(): boolean {
    if (this.output.unsent > 0 || this.#earlyFlushes >= EARLY_FLUSHES_MAX) return false;
    this.#earlyFlushes++;
    this.#openStream = undefined;
    this.output.flush();
    return this.output.waiting < this.#pacedBytesMax;
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

  #finishAfterQueue(stream: StreamState, trailers: Uint8Array | undefined, hasEnded: boolean): void {
    stream.isEnding = true;
    if (stream.queue !== undefined && stream.queue.bytes > 0) {
      stream.trailersBlock = trailers;
      return;
    }
    if (trailers !== undefined) this.frames.headers(stream.id, trailers, true);
    else if (!hasEnded) this.frames.frame(0, DATA, FLAG_END_STREAM, stream.id);
    this.#host.finished(stream);
  }

  #finish(stream: StreamState): void {
    stream.isEnding = true;
    this.#host.finished(stream);
  }
}

function writeHeaders(block: Buffer, at: number, fields: Uint8Array, id: number, isLast: boolean): number {
  const flags = isLast ? FLAG_END_HEADERS | FLAG_END_STREAM : FLAG_END_HEADERS;
  writeFrameHead(block, at, fields.length, HEADERS, flags, id);
  block.set(fields, at + FRAME_HEAD_BYTES);
  return at + FRAME_HEAD_BYTES + fields.length;
}

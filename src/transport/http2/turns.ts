import { assert } from '../../base/index.ts';
import { writeBody } from './body.ts';
import type { Http2Environment } from './environment.ts';
import {
  DATA,
  FLAG_END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  WINDOW_BYTES_INITIAL,
  writeFrameHead,
} from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Body } from './handler.ts';
import { OutQueue } from './out-queue.ts';
import type { Output } from './output.ts';
import type { StreamState } from './stream-state.ts';

/** What is left of a block is used for a DATA frame of at least that many bytes. */
const CUT_BYTES_MIN = 4 * 1024;
/** What waits is referenced, but small bodies are copied: one entry is less than several. */
const JOINED_BYTES_MAX = 1024;
/** When too much waits on a connection, each stream gets this fraction of what it may else hold. */
const CROWDED_SHARE = 64;

export interface TurnsHost {
  /** END_STREAM was sent. */
  finished(stream: StreamState): void;
  /** A DATA frame was sent. */
  dataSent(): void;
  /** `drained` has thrown. */
  failed(stream: StreamState, error: unknown): void;
}

/** The windows of a connection, and what waits for them or for the socket: streams take turns, a DATA frame each. */
export class Turns {
  /** What the client lets us send on all streams together. */
  window = WINDOW_BYTES_INITIAL;
  /** What it lets us send on a new stream. */
  initialWindow = WINDOW_BYTES_INITIAL;
  /** What waits in the queues of all streams. */
  queuedBytes = 0;
  readonly #environment: Http2Environment;
  readonly #output: Output;
  readonly #frames: FrameWriter;
  readonly #host: TurnsHost;
  readonly #touch: () => void;
  readonly #pacedBytesMax: number;
  readonly #queueBytesMax: number;
  readonly #allQueuesBytesMax: number;
  /** Streams that have something to send and a window for it, in the order in which they get their turn. */
  #first: StreamState | undefined;
  #last: StreamState | undefined;

  /** `touch` sees to it that `take` is called at the end of the turn. */
  constructor(
    environment: Http2Environment,
    frames: FrameWriter,
    parts: { readonly output: Output; readonly host: TurnsHost; readonly touch: () => void },
  ) {
    this.#environment = environment;
    this.#frames = frames;
    this.#output = parts.output;
    this.#host = parts.host;
    this.#touch = parts.touch;
    this.#pacedBytesMax = environment.limits.pacedBytesMax;
    this.#queueBytesMax = environment.limits.streamQueueBytesMax;
    this.#allQueuesBytesMax = environment.limits.connectionQueueBytesMax;
  }

  /** A stream could send if the socket took it. */
  get isSomeoneReady(): boolean {
    return this.#first !== undefined && this.window > 0;
  }

  /** A DATA frame was written. */
  count(stream: StreamState, bytes: number): void {
    stream.sendWindow -= bytes;
    this.window -= bytes;
    this.#frames.hasAnswered = true;
    this.#host.dataSent();
  }

  /** Lets prefix and body wait, which together are `bytes`. */
  enqueue(stream: StreamState, prefix: Uint8Array, body: Body, bytes: number): void {
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

  /** More waits in the stream than may. */
  isFull(stream: StreamState): boolean {
    return stream.queue !== undefined && stream.queue.weightBytes >= this.#shareBytes;
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
    stream.previousReady = this.#last;
    if (this.#last === undefined) this.#first = stream;
    else this.#last.nextReady = stream;
    this.#last = stream;
    this.#touch();
  }

  #unready(stream: StreamState): void {
    if (!stream.isReady) return;
    stream.isReady = false;
    if (stream.previousReady === undefined) this.#first = stream.nextReady;
    else stream.previousReady.nextReady = stream.nextReady;
    if (stream.nextReady === undefined) this.#last = stream.previousReady;
    else stream.nextReady.previousReady = stream.previousReady;
    stream.previousReady = undefined;
    stream.nextReady = undefined;
  }

  /** The stream is closed: what waits in it is dropped. */
  drop(stream: StreamState): void {
    const { queue } = stream;
    if (queue === undefined) return;
    this.#unready(stream);
    this.queuedBytes -= queue.bytes;
    queue.clear();
    stream.queue = undefined;
    stream.trailersBlock = undefined;
  }

  /** Sends of what waits as much as windows, the socket and the turn of the event loop allow. */
  take(): void {
    while (this.window > 0 && this.#output.waiting < this.#pacedBytesMax) {
      const stream = this.#first;
      if (stream === undefined) return;
      if (this.#environment.turnBytesLeft <= 0) {
        this.#touch();
        return;
      }
      assert(!stream.closed, 'a stream that is closed is not ready');
      this.#unready(stream);
      if (stream.sendWindow > 0) this.#cut(stream);
    }
  }

  /** Sends one DATA frame of the stream's queue. */
  #cut(stream: StreamState): void {
    const { queue } = stream;
    if (queue === undefined || queue.bytes === 0) return;
    const output = this.#output;
    let length = Math.min(queue.bytes, stream.sendWindow, this.window, FRAME_BYTES_MAX);
    const room = output.room - FRAME_HEAD_BYTES;
    if (room >= CUT_BYTES_MIN && room < length) length = room;
    const isEnd = length === queue.bytes && stream.isEnding;
    const flags = isEnd && stream.trailersBlock === undefined ? FLAG_END_STREAM : 0;
    const head = output.reserve(FRAME_HEAD_BYTES);
    writeFrameHead(output.block, head, length, DATA, flags, stream.id);
    queue.moveTo(output, length);
    this.queuedBytes -= length;
    this.#environment.turnBytesLeft -= length;
    stream.progressSecond = this.#environment.second;
    this.count(stream, length);
    if (queue.bytes > 0) this.ready(stream);
    if (isEnd) {
      if (stream.trailersBlock !== undefined) this.#frames.headers(stream.id, stream.trailersBlock, true);
      this.#host.finished(stream);
      return;
    }
    const isDrained = stream.isFull && !stream.isEnding && queue.weightBytes <= this.#shareBytes / 2;
    if (isDrained) this.#drained(stream);
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

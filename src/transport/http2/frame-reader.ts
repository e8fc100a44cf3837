import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, PREFACE } from './frame.ts';
import { frameSizeError, protocolError } from './violation.ts';

/** Takes frames one by one. The payload is `chunk` from `start` to `end`. */
export interface FrameSink {
  /** Once true, no more frames are wanted. */
  readonly isOver: boolean;
  frame(type: number, flags: number, id: number, chunk: Buffer, start: number, end: number): void;
}

/**
 * Cuts what comes from a socket into frames. Frames are read where they lie; only one that is split between two chunks is
 * joined. Throws ConnectionViolation.
 */
export class FrameReader {
  /** Frames that did not come in one chunk, so far. */
  splitsBegun = 0;
  readonly #sink: FrameSink;
  /** Bytes of the preface that have come. */
  #prefaceBytes = 0;
  /** Where a frame that began in an earlier chunk is put together: its head at least, or all of it. */
  #split: Buffer | undefined;
  #splitBytes = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** A frame or the preface has begun and is not complete. */
  get isInside(): boolean {
    return this.#split !== undefined || this.#prefaceBytes < PREFACE.length;
  }

  read(chunk: Buffer): void {
    let at = this.#prefaceBytes < PREFACE.length ? this.#preface(chunk) : 0;
    if (this.#split !== undefined) at = this.#join(chunk, at);
    const sink = this.#sink;
    const length = chunk.length;
    while (length - at >= FRAME_HEAD_BYTES && !sink.isOver) {
      const start = at + FRAME_HEAD_BYTES;
      const end = start + payloadLength(chunk, at);
      if (end > length) break;
      sink.frame(chunk[at + 3]!, chunk[at + 4]!, streamId(chunk, at), chunk, start, end);
      at = end;
    }
    if (at < length && !sink.isOver) this.#keep(chunk, at);
  }

  #preface(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#prefaceBytes < PREFACE.length) {
      if (chunk[at++] !== PREFACE[this.#prefaceBytes++]) throw protocolError('invalid connection preface');
    }
    return at;
  }

  /** Keeps the start of a frame that ends in a later chunk. */
  #keep(chunk: Buffer, at: number): void {
    this.splitsBegun++;
    const have = chunk.length - at;
    const need = have < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + payloadLength(chunk, at);
    this.#split = Buffer.allocUnsafe(need);
    chunk.copy(this.#split, 0, at);
    this.#splitBytes = have;
  }

  /** Goes on with the frame that was kept. Returns where the rest of the chunk begins. */
  #join(chunk: Buffer, from: number): number {
    let at = from;
    for (let split = this.#split; split !== undefined; split = this.#split) {
      const copied = chunk.copy(split, this.#splitBytes, at);
      at += copied;
      this.#splitBytes += copied;
      if (this.#splitBytes < split.length) break;
      const end = FRAME_HEAD_BYTES + payloadLength(split, 0);
      if (end > split.length) {
        // Only the head was awaited until now.
        this.#split = Buffer.allocUnsafe(end);
        split.copy(this.#split);
        continue;
      }
      this.#split = undefined;
      this.#splitBytes = 0;
      this.#sink.frame(split[3]!, split[4]!, streamId(split, 0), split, FRAME_HEAD_BYTES, end);
    }
    return at;
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > FRAME_BYTES_MAX) throw frameSizeError('frame too large');
  return length;
}

/** Without the reserved bit, which is ignored. */
function streamId(bytes: Buffer, at: number): number {
  return ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
}

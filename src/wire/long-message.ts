import { assert, type ByteRuns } from '../base/index.ts';
import { copyInto, varintSize, writeFrame } from './writer.ts';

/** As many runs as a processor fetches at once. */
const TOUCHED_RUNS = 16;
/** Tag and length of a nested message. */
const FRAME_BYTES_MAX = 6;

/** Every run as a nested message of field `tag`. */
export interface RunFields {
  readonly tag: number;
  readonly runs: ByteRuns;
}

export type MessagePart = Uint8Array | RunFields;

/**
 * A message that is made while it is sent. It holds references to the key-values in it, and copies each once, into
 * whatever is sent next: making it takes no time and its memory is that of the pointers, however long it is. What it
 * refers to must not change until it is closed.
 */
export class LongMessage {
  /** Bytes of the whole message. */
  readonly length: number;
  /** Key-values that it refers to. */
  readonly runs: number;
  /** Bytes of those that nothing else refers to. */
  readonly ownBytes: number;
  #parts: readonly MessagePart[];
  #left: number;
  /** The part to go on with and, if it has runs, the run in it. */
  #part = 0;
  #run = 0;
  #touched = 0;
  /** Bytes that come before that: of a part, or of a run that did not fit. */
  #piece: Uint8Array | undefined;
  #pieceAt = 0;
  #nextPiece: Uint8Array | undefined;

  constructor(parts: readonly MessagePart[], length: number) {
    this.#parts = parts;
    this.length = length;
    this.#left = length;
    let [runs, ownBytes] = [0, 0];
    for (const part of parts) {
      if (ArrayBuffer.isView(part)) continue;
      runs += part.runs.count;
      ownBytes += part.runs.ownBytes;
    }
    this.runs = runs;
    this.ownBytes = ownBytes;
  }

  /** Writes the next `end - start` bytes, which are not more than are left, to `target` from `start` on. */
  read(target: Uint8Array, start: number, end: number): void {
    assert(end - start <= this.#left, 'no more of a message is read than there is');
    this.#left -= end - start;
    let at = start;
    while (at < end) {
      if (this.#piece !== undefined) at = this.#readPiece(target, at, end, this.#piece);
      else {
        const part = this.#parts[this.#part]!;
        if (ArrayBuffer.isView(part)) {
          this.#part++;
          this.#piece = part;
        } else at = this.#readRuns(target, at, end, part);
      }
    }
  }

  /** Nothing more is read: what it refers to is let go. The lists of runs were its own. */
  close(): void {
    for (const part of this.#parts) if (!ArrayBuffer.isView(part)) part.runs.release();
    this.#parts = [];
    this.#left = 0;
    this.#piece = this.#nextPiece = undefined;
  }

  #readPiece(target: Uint8Array, start: number, end: number, piece: Uint8Array): number {
    const length = Math.min(end - start, piece.length - this.#pieceAt);
    const at = copyInto(target, start, piece, this.#pieceAt, length);
    this.#pieceAt += length;
    if (this.#pieceAt === piece.length) {
      this.#piece = this.#nextPiece;
      this.#nextPiece = undefined;
      this.#pieceAt = 0;
    }
    return at;
  }

  /** Writes runs while they fit; what begins with the first that does not becomes a piece. */
  #readRuns(target: Uint8Array, start: number, end: number, { tag, runs }: RunFields): number {
    const { count } = runs;
    let at = start;
    let run = this.#run;
    while (run < count) {
      if (run >= this.#touched) {
        this.#touched = Math.min(run + TOUCHED_RUNS, count);
        runs.touch(run, this.#touched);
      }
      const length = runs.length(run);
      if (end - at < FRAME_BYTES_MAX + length) {
        this.#piece = Buffer.allocUnsafe(1 + varintSize(length));
        writeFrame(this.#piece, 0, tag, length);
        if (length > 0) this.#nextPiece = runs.run(run);
        this.#run = run + 1;
        return at;
      }
      at = copyInto(target, writeFrame(target, at, tag, length), runs.buffer(run), runs.offset(run), length);
      run++;
    }
    this.#part++;
    this.#run = 0;
    this.#touched = 0;
    return at;
  }
}

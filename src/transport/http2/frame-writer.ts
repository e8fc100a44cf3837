import { tableOff } from '../hpack/index.ts';
import {
  CONTINUATION,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHead,
  writeUint32,
} from './frame.ts';
import type { Output } from './output.ts';

/** Puts frames into the output, one after another. */
export class FrameWriter {
  /** The client has made its header table smaller than ours is: the next block says that we use none. */
  isTableOffDue = false;
  /** Headers or data were sent since somebody looked. */
  hasAnswered = false;
  readonly #output: Output;
  readonly #touch: () => void;

  /** `touch` sees to it that the output is flushed. */
  constructor(output: Output, touch: () => void) {
    this.#output = output;
    this.#touch = touch;
  }

  /** Settings as pairs of number and value. */
  settings(pairs: readonly (readonly [number, number])[]): void {
    const at = this.frame(pairs.length * 6, SETTINGS, 0, 0);
    pairs.forEach(([key, value], index) => {
      const place = at + index * 6;
      this.#output.block[place] = key >>> 8;
      this.#output.block[place + 1] = key;
      writeUint32(this.#output.block, place + 2, value);
    });
  }

  settingsAck(): void {
    this.frame(0, SETTINGS, FLAG_ACK, 0);
  }

  /** A ping with eight bytes of `data` from `from` on. */
  ping(data: Uint8Array, from: number, isAck: boolean): void {
    const at = this.frame(8, PING, isAck ? FLAG_ACK : 0, 0);
    for (let index = 0; index < 8; index++) this.#output.block[at + index] = data[from + index]!;
  }

  goAway(lastId: number, code: number, message: string): void {
    const at = this.frame(8 + message.length, GOAWAY, 0, 0);
    writeUint32(this.#output.block, at, lastId);
    writeUint32(this.#output.block, at + 4, code);
    this.#output.block.write(message, at + 8, 'latin1');
  }

  resetStream(id: number, code: number): void {
    const at = this.frame(4, RST_STREAM, 0, id);
    writeUint32(this.#output.block, at, code);
  }

  windowUpdate(id: number, bytes: number): void {
    const at = this.frame(4, WINDOW_UPDATE, 0, id);
    writeUint32(this.#output.block, at, bytes);
  }

  /** Writes the head of a frame, and returns where its payload goes. */
  frame(length: number, type: number, flags: number, id: number): number {
    const at = this.#output.reserve(FRAME_HEAD_BYTES + length);
    writeFrameHead(this.#output.block, at, length, type, flags, id);
    this.#touch();
    return at + FRAME_HEAD_BYTES;
  }

  /** A header block, in several frames if it is long. */
  headers(id: number, block: Uint8Array, isLast: boolean): void {
    const extra = this.isTableOffDue ? tableOff.length : 0;
    const length = Math.min(block.length + extra, FRAME_BYTES_MAX);
    const isWhole = length === block.length + extra;
    const flags = (isLast ? FLAG_END_STREAM : 0) | (isWhole ? FLAG_END_HEADERS : 0);
    const at = this.frame(length, HEADERS, flags, id);
    if (extra > 0) this.#output.block.set(tableOff, at);
    this.#output.block.set(block.subarray(0, length - extra), at + extra);
    this.isTableOffDue = false;
    this.hasAnswered = true;
    for (let from = length - extra; from < block.length;) {
      const part = block.subarray(from, from + FRAME_BYTES_MAX);
      from += part.length;
      const partFlags = from === block.length ? FLAG_END_HEADERS : 0;
      this.#output.block.set(part, this.frame(part.length, CONTINUATION, partFlags, id));
    }
  }
}

import { assert } from '../../base/index.ts';
import type { ByteSource, Message, Slices } from '../../transport/index.ts';

/** What is read of a source at a time. */
const SOURCE_BYTES = 16 * 1024;

/**
 * Reads a message, wherever its bytes are cut; a source as far as is asked for. The message comes from this program: it is
 * trusted.
 */
export class SliceCursor {
  /** Bytes read so far, counted over all slices. */
  position = 0;
  /** The slice being read, and where in it. */
  slice: Uint8Array;
  offset = 0;
  readonly size: number;
  readonly #slices: readonly Uint8Array[];
  readonly #source: ByteSource | undefined;
  #index = 0;
  /** Bytes that have not been asked of the source. */
  #unread = 0;
  #isClosed = false;
  #low = 0;
  #high = 0;

  constructor(message: Message) {
    this.#source = sourceOf(message);
    this.#slices = slicesOf(message);
    this.slice = this.#slices[0] ?? EMPTY;
    this.#unread = this.#source?.length ?? 0;
    let size = this.#unread;
    for (const each of this.#slices) size += each.length;
    this.size = size;
  }

  /** Nothing more will be read. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source?.close();
  }

  /** The message is to be given up: see ByteSource. */
  get isOverdue(): boolean {
    return this.#source?.isOverdue === true && !this.#isClosed;
  }

  /** Bytes that can be read from `slice` at `offset`; 0 only at the end of everything. */
  available(): number {
    if (this.#unread > 0 && this.offset >= this.slice.length) this.#fill();
    while (this.offset >= this.slice.length && this.#index < this.#slices.length - 1) {
      this.slice = this.#slices[++this.#index]!;
      this.offset = 0;
    }
    return this.slice.length - this.offset;
  }

  #fill(): void {
    const length = Math.min(SOURCE_BYTES, this.#unread);
    if (this.slice.length !== length) this.slice = Buffer.allocUnsafe(length);
    this.#source?.read(this.slice, 0, length);
    this.#unread -= length;
    this.offset = 0;
  }

  byte(): number {
    const count = this.available();
    assert(count > 0, 'a message that is translated is whole');
    this.position++;
    return this.slice[this.offset++]!;
  }

  advance(count: number): void {
    this.offset += count;
    this.position += count;
  }

  skip(count: number): void {
    let rest = count;
    while (rest > 0) {
      const step = Math.min(rest, this.available());
      assert(step > 0, 'a message that is translated is whole');
      this.advance(step);
      rest -= step;
    }
  }

  /** A copy of the next `count` bytes. */
  take(count: number): Buffer {
    const target = Buffer.allocUnsafe(count);
    for (let at = 0; at < count;) {
      const step = Math.min(count - at, this.available());
      assert(step > 0, 'a message that is translated is whole');
      target.set(this.slice.subarray(this.offset, this.offset + step), at);
      this.advance(step);
      at += step;
    }
    return target;
  }

  /** A varint known to be small: a tag or a length. */
  small(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }

  /** Reads a varint of up to 64 bits; its value is asked for afterwards. */
  varint(): void {
    let low = 0;
    let middle = 0;
    let top = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift < 56) middle |= bits << (shift - 28);
      else top |= bits << (shift - 56);
      if (byte < 0x80) break;
    }
    this.#low = (low | (middle << 28)) >>> 0;
    this.#high = ((middle >>> 4) | (top << 24)) >>> 0;
  }

  get isZero(): boolean {
    return this.#low === 0 && this.#high === 0;
  }

  /** The low 32 bits, signed: an enumeration or an int32. */
  get int32(): number {
    return this.#low | 0;
  }

  get uint32(): number {
    return this.#low;
  }

  /** The digits of all 64 bits. */
  decimal(isSigned: boolean): string {
    if (this.#high < 0x200000) return String(this.#high * 0x100000000 + this.#low);
    const value = (BigInt(this.#high) << 32n) | BigInt(this.#low);
    return String(isSigned ? BigInt.asIntN(64, value) : value);
  }
}

const EMPTY = new Uint8Array(0);

function slicesOf(message: Message): Slices {
  if (Array.isArray(message)) return message as Slices;
  return ArrayBuffer.isView(message) ? [message] : [];
}

function sourceOf(message: Message): ByteSource | undefined {
  return Array.isArray(message) || ArrayBuffer.isView(message) ? undefined : (message as ByteSource);
}

/** The message is not sent. */
export function closeMessage(message: Message): void {
  sourceOf(message)?.close();
}

export function messageBytes(message: Message): number {
  return slicesOf(message).reduce((sum, { length }) => sum + length, sourceOf(message)?.length ?? 0);
}

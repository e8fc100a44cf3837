import { MESSAGE_HEAD_BYTES, NOTHING } from '../../../test/support/frames.ts';

const HEADER_TAG = 0x0a;
const KVS_TAG = 0x12;
const MORE_TAG = 0x18;
const COUNT_TAG = 0x20;

/** What the next page needs to know of one. */
export interface Page {
  readonly keys: number;
  /** A view. */
  readonly lastKey: Buffer;
  readonly more: boolean;
}

/** Reads the body of an answer to Range, gRPC's five bytes included, by leaping over its values. */
export function lastKeyOf(body: Buffer): Page {
  const cursor = new Cursor(body, MESSAGE_HEAD_BYTES);
  let [keys, lastAt, more] = [0, -1, false];
  while (cursor.at < body.length) {
    const tag = cursor.varint();
    if (tag === HEADER_TAG || tag === KVS_TAG) {
      const length = cursor.varint();
      if (tag === KVS_TAG) {
        keys++;
        lastAt = cursor.at;
      }
      cursor.at += length;
    } else if (tag === MORE_TAG) more = cursor.varint() === 1;
    else if (tag === COUNT_TAG) cursor.varint();
    else throw new RangeError(`Unknown field ${tag >>> 3} in the answer to a Range`);
  }
  return { keys, lastKey: lastAt < 0 ? NOTHING : keyAt(body, lastAt), more };
}

/** The key of a KeyValue: its first field. */
function keyAt(body: Buffer, at: number): Buffer {
  const cursor = new Cursor(body, at + 1);
  const length = cursor.varint();
  return body.subarray(cursor.at, cursor.at + length);
}

/** Reads numbers below 2^53. */
export class Cursor {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    const first = this.#bytes[this.at++]!;
    if (first < 0x80) return first;
    let [value, scale, byte] = [first & 0x7f, 0x80, first];
    while (byte >= 0x80) {
      byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    return value;
  }
}

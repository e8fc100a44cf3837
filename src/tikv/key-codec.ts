import { TikvError } from './errors.ts';

/**
 * The form of keys in the bounds of regions. It is compared like the raw key, and no encoded key is a prefix of another:
 * groups of 8 bytes, each followed by 0xff, the last one filled up with zeros and followed by 0xff less their number.
 * (`util/codec/bytes.go` of client-go.)
 */

const GROUP = 8;
const MARKER = 0xff;

export function encodedLength(rawLength: number): number {
  return (Math.floor(rawLength / GROUP) + 1) * (GROUP + 1);
}

/** The encoded form of a raw key, also of the empty one. */
export function encodeKey(raw: Uint8Array): Buffer {
  const encoded = Buffer.alloc(encodedLength(raw.length));
  let to = 0;
  for (let from = 0; from <= raw.length; from += GROUP) {
    const length = Math.min(GROUP, raw.length - from);
    encoded.set(raw.subarray(from, from + length), to);
    encoded[to + GROUP] = MARKER - (GROUP - length);
    to += GROUP + 1;
  }
  return encoded;
}

/** The raw key of an encoded one. Throws TikvError `protocol` if it is none. */
export function decodeKey(encoded: Uint8Array): Buffer {
  const raw = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let from = 0; from + GROUP < encoded.length; from += GROUP + 1) {
    const padding = MARKER - encoded[from + GROUP]!;
    if (padding > GROUP) break;
    raw.set(encoded.subarray(from, from + GROUP), length);
    length += GROUP - padding;
    if (padding === 0) continue;
    const isLast = from + GROUP + 1 === encoded.length;
    if (!isLast || !isZero(encoded, from + GROUP - padding, from + GROUP)) break;
    return raw.subarray(0, length);
  }
  const hex = Buffer.from(encoded).toString('hex');
  throw new TikvError('protocol', `Cannot decode a key: "${hex}" is no encoded key`);
}

/** A bound of a region to raw; empty, which stands for no bound, stays empty. */
export function decodeBound(encoded: Uint8Array): Buffer {
  return encoded.length === 0 ? Buffer.alloc(0) : decodeKey(encoded);
}

/** A bound to its encoded form; empty, which stands for no bound, stays empty. */
export function encodeBound(raw: Uint8Array): Buffer {
  return raw.length === 0 ? Buffer.alloc(0) : encodeKey(raw);
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

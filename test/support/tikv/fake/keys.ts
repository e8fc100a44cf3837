/** The order-preserving encoding of keys that region bounds are in, written apart from the client's. */

const groupBytes = 8;

/** Groups of eight bytes, each followed by 0xff less the count of padding. */
export function encodeKey(raw: Uint8Array): Buffer {
  const groups = Math.floor(raw.length / groupBytes) + 1;
  const encoded = Buffer.alloc(groups * (groupBytes + 1));
  for (let group = 0; group < groups; group++) {
    const part = raw.subarray(group * groupBytes, (group + 1) * groupBytes);
    encoded.set(part, group * (groupBytes + 1));
    encoded[group * (groupBytes + 1) + groupBytes] = 0xff - (groupBytes - part.length);
  }
  return encoded;
}

/** Rejects what `encodeKey` cannot have made. */
export function decodeKey(encoded: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; ; at += groupBytes + 1) {
    const marker = encoded[at + groupBytes];
    if (marker === undefined) throw new RangeError('Cannot decode a key: it ends inside a group');
    const padding = 0xff - marker;
    if (padding > groupBytes) throw new RangeError(`Cannot decode a key: its marker is ${marker}`);
    const rest = encoded.subarray(at + groupBytes - padding, at + groupBytes);
    if (rest.some((byte) => byte !== 0)) throw new RangeError('Cannot decode a key: its padding is not zero');
    parts.push(encoded.subarray(at, at + groupBytes - padding));
    if (padding === 0) continue;
    if (at + groupBytes + 1 !== encoded.length)
      throw new RangeError('Cannot decode a key: bytes follow its end');
    return Buffer.concat(parts);
  }
}

/** A raw range; an empty end is the end of all. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

export function contains(range: KeyRange, key: Buffer): boolean {
  return (
    Buffer.compare(range.start, key) <= 0 && (range.end.length === 0 || Buffer.compare(key, range.end) < 0)
  );
}

/** The part of `range` that is in `within`. It may be empty: then its start is not below its end. */
export function clip(range: KeyRange, within: KeyRange): KeyRange {
  const start = Buffer.compare(range.start, within.start) < 0 ? within.start : range.start;
  if (within.end.length === 0) return { start, end: range.end };
  const endsLater = range.end.length === 0 || Buffer.compare(range.end, within.end) > 0;
  return { start, end: endsLater ? within.end : range.end };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;

/** The two characters of each twelve bits, the first one in the low byte. */
const PAIRS = new Uint16Array(4096);
for (let bits = 0; bits < 4096; bits++) {
  PAIRS[bits] = ALPHABET.charCodeAt(bits >> 6) | (ALPHABET.charCodeAt(bits & 63) << 8);
}

/** Below this many bytes a loop is faster than calls into C++ (measured on Node 20). */
const LOOP_BYTES_MAX = 192;

/** Writes `count` bytes, a multiple of three, as base64; returns the offset behind it. */
export function writeTriples(
  target: Buffer,
  offset: number,
  source: { readonly bytes: Uint8Array; readonly offset: number; readonly count: number },
): number {
  const { bytes, count } = source;
  if (count > LOOP_BYTES_MAX) {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + source.offset, count);
    return offset + target.write(view.toString('base64'), offset, 'latin1');
  }
  let at = offset;
  const end = source.offset + count;
  for (let i = source.offset; i < end; i += 3)
    at = writeTriple(target, at, bytes[i]!, bytes[i + 1]!, bytes[i + 2]!);
  return at;
}

// eslint-disable-next-line max-params -- an object for each three bytes would cost more than the bytes
export function writeTriple(
  target: Buffer,
  offset: number,
  first: number,
  second: number,
  third: number,
): number {
  const high = PAIRS[(first << 4) | (second >> 4)]!;
  const low = PAIRS[((second & 15) << 8) | third]!;
  target[offset] = high & 0xff;
  target[offset + 1] = high >> 8;
  target[offset + 2] = low & 0xff;
  target[offset + 3] = low >> 8;
  return offset + 4;
}

/** Writes the last one or two bytes, padded to four characters. */
export function writeTail(target: Buffer, offset: number, tail: readonly number[]): number {
  writeTriple(target, offset, tail[0]!, tail[1] ?? 0, 0);
  target[offset + 3] = PAD;
  if (tail.length === 1) target[offset + 2] = PAD;
  return offset + 4;
}

/**
 * Protobuf into a buffer whose size the caller computed before: every `write` function takes the target and an offset,
 * and returns the offset behind what it wrote. Nothing is checked here; a size that was computed wrongly is a bug that
 * the tests find. Numbers must be safe integers.
 */

const TWO_POW_32 = 0x100000000;
/** Below this many bytes a loop is faster than a call into C++ (measured on Node 20). */
const LOOP_COPY_BYTES_MAX = 40;

/** Size of an int64 (or of a length, or of a tag) as a varint; a negative one takes 10 bytes. */
export function varintSize(value: number): number {
  if (value < 0) return 10;
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value < 0x800000000) return 5;
  if (value < 0x40000000000) return 6;
  return value < 0x2000000000000 ? 7 : 8;
}

export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  if (value < 0) return writeHalves(target, offset, value | 0, Math.floor(value / TWO_POW_32));
  let rest = value;
  let at = offset;
  while (rest > 0x7fffffff) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Writes a 64-bit number, given as two 32-bit halves. */
function writeHalves(target: Uint8Array, offset: number, low: number, high: number): number {
  let lowRest = low >>> 0;
  let highRest = high >>> 0;
  let at = offset;
  while (highRest !== 0 || lowRest > 0x7f) {
    target[at++] = (lowRest & 0x7f) | 0x80;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  target[at++] = lowRest;
  return at;
}

/** Size of a 64-bit number, signed or unsigned, as a varint. */
export function bigVarintSize(value: bigint): number {
  if (value === 0n) return 1;
  const unsigned = BigInt.asUintN(64, value);
  const high = Number(unsigned >> 32n);
  if (high === 0) return varintSize(Number(unsigned));
  return Math.ceil((64 - Math.clz32(high)) / 7);
}

export function writeBigVarint(target: Uint8Array, offset: number, value: bigint): number {
  if (value === 0n) {
    target[offset] = 0;
    return offset + 1;
  }
  const unsigned = BigInt.asUintN(64, value);
  return writeHalves(target, offset, Number(unsigned & 0xffffffffn), Number(unsigned >> 32n));
}

/** Copies `length` bytes; a loop for few, the engine's copy for many. */
export function copyInto(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  sourceOffset: number,
  length: number,
): number {
  if (length < LOOP_COPY_BYTES_MAX) {
    for (let i = 0; i < length; i++) target[offset + i] = source[sourceOffset + i]!;
  } else if (sourceOffset === 0 && length === source.length) {
    target.set(source, offset);
  } else {
    target.set(new Uint8Array(source.buffer, source.byteOffset + sourceOffset, length), offset);
  }
  return offset + length;
}

// Fields. Each pair omits a zero, as proto3 does. `tag` is one byte: field numbers up to 15.

export function int64FieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

export function writeInt64Field(target: Uint8Array, offset: number, tag: number, value: number): number {
  if (value === 0) return offset;
  target[offset] = tag;
  return writeVarint(target, offset + 1, value);
}

export function bigFieldSize(value: bigint): number {
  return value === 0n ? 0 : 1 + bigVarintSize(value);
}

export function writeBigField(target: Uint8Array, offset: number, tag: number, value: bigint): number {
  if (value === 0n) return offset;
  target[offset] = tag;
  return writeBigVarint(target, offset + 1, value);
}

export function boolFieldSize(value: boolean): number {
  return value ? 2 : 0;
}

export function writeBoolField(target: Uint8Array, offset: number, tag: number, value: boolean): number {
  if (!value) return offset;
  target[offset] = tag;
  target[offset + 1] = 1;
  return offset + 2;
}

export function bytesFieldSize(length: number): number {
  return length === 0 ? 0 : messageFieldSize(length);
}

export function writeBytesField(target: Uint8Array, offset: number, tag: number, value: Uint8Array): number {
  const length = value.length;
  if (length === 0) return offset;
  return copyInto(target, writeFrame(target, offset, tag, length), value, 0, length);
}

/** Size of a nested message with its tag and length; unlike an empty bytes field, an empty message is written. */
export function messageFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes tag and length of a nested message or bytes field, whose content the caller writes next. */
export function writeFrame(target: Uint8Array, offset: number, tag: number, length: number): number {
  target[offset] = tag;
  return writeVarint(target, offset + 1, length);
}

/**
 * Halves of 64-bit numbers. Writing a bigint into typed memory and reading it as two numbers (and back) makes no bigint
 * besides the one that is wanted.
 */

const unsigned = new BigUint64Array(1);
const signed = new BigInt64Array(unsigned.buffer);
const halves = new Uint32Array(unsigned.buffer);
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const LOW = isLittleEndian ? 0 : 1;
const HIGH = 1 - LOW;

/** Takes a number apart for `lowHalf` and `highHalf`, which hold until the next call. Negative ones wrap. */
export function split(value: bigint): void {
  unsigned[0] = value;
}

export function lowHalf(): number {
  return halves[LOW]!;
}

export function highHalf(): number {
  return halves[HIGH]!;
}

export function joinUnsigned(low: number, high: number): bigint {
  halves[LOW] = low;
  halves[HIGH] = high;
  return unsigned[0]!;
}

export function joinSigned(low: number, high: number): bigint {
  halves[LOW] = low;
  halves[HIGH] = high;
  return signed[0]!;
}

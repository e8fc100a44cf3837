/** A timestamp is milliseconds since 1970 and, within the millisecond, a counter of 18 bits. */
export const LOGICAL_BITS = 18n;

const LOGICAL_MASK = (1n << LOGICAL_BITS) - 1n;

/** The smallest timestamp. */
export const TIMESTAMP_ZERO = 0n;
/** Larger than every timestamp that is ever given out. Stores give it special meanings; never read at it. */
export const TIMESTAMP_MAX = 2n ** 64n - 1n;

export function composeTimestamp(physicalMs: bigint, logical: bigint): bigint {
  return (physicalMs << LOGICAL_BITS) + logical;
}

/** Milliseconds since 1970, by the clock of the placement driver. */
export function physicalMs(timestamp: bigint): number {
  return Number(timestamp >> LOGICAL_BITS);
}

export function logicalOf(timestamp: bigint): number {
  return Number(timestamp & LOGICAL_MASK);
}

/** `timestamp` moved by so many milliseconds, not below zero. */
export function addMs(timestamp: bigint, ms: number): bigint {
  const moved = timestamp + (BigInt(Math.trunc(ms)) << LOGICAL_BITS);
  return moved < TIMESTAMP_ZERO ? TIMESTAMP_ZERO : moved;
}

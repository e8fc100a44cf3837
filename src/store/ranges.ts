import { compareBytes } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';

/** What a request's `key` and `range_end` mean (etcd-v3.md B.2, rule 2). */
export interface KeyRange {
  readonly from: Bytes;
  /** Exclusive; undefined: no end. */
  readonly to: Bytes | undefined;
}

/** A range end of one zero byte: all keys from `key` on. */
export function isFromKey(rangeEnd: Bytes): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** Undefined when nothing can lie in the range, because `key >= range_end`. `rangeEnd` must not be empty. */
export function keyRange(key: Bytes, rangeEnd: Bytes): KeyRange | undefined {
  if (isFromKey(rangeEnd)) return { from: key, to: undefined };
  return compareBytes(key, rangeEnd) < 0 ? { from: key, to: rangeEnd } : undefined;
}

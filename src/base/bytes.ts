/** Order and ranges of byte strings, as etcd and the engines see them: unsigned, lexicographic, shorter first. */
export type Bytes = Uint8Array;

/** Negative, zero or positive, like `Buffer.compare`; a plain loop is faster than the call into C++ for short keys. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const length = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** The smallest byte string above every string that starts with `prefix`; undefined when there is none (all 0xff). */
export function prefixEnd(prefix: Bytes): Bytes | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i]! === 0xff) continue;
    const end = Buffer.from(prefix.subarray(0, i + 1));
    end[i] = prefix[i]! + 1;
    return end;
  }
  return undefined;
}

export const EMPTY_BYTES: Bytes = Buffer.alloc(0);

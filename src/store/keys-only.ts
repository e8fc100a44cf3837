import type { ByteRuns } from '../base/index.ts';
import { keysOnlyLength, SortTarget, valueLength, valueOffset } from '../wire/index.ts';
import type { RangeRequest } from '../wire/index.ts';

/** How much of a key-value a range answers with. */
export type Cut = 'whole' | 'without value' | 'without value and lease';

/**
 * etcd 3.7 answers `keys_only` from its index, which knows no leases, unless it needs the values to sort by them (seen in
 * 3.7.3, for every sort order, filter and limit).
 */
export function cutOf(request: RangeRequest): Cut {
  if (!request.keysOnly) return 'whole';
  return request.sortTarget === SortTarget.value ? 'without value' : 'without value and lease';
}

/** Adds a stored key-value to `kvs`, cut. Only a lease behind a left-out value needs bytes of its own. */
export function pushCut(kvs: ByteRuns, cut: Cut, buffer: Uint8Array, offset: number, length: number): void {
  if (cut === 'whole') {
    kvs.push(buffer, offset, length);
    return;
  }
  const head = keysOnlyLength(buffer, offset, length);
  if (cut === 'without value and lease') {
    kvs.push(buffer, offset, head);
    return;
  }
  const value = valueLength(buffer, offset, length);
  const tail = value === 0 ? offset + head : valueOffset(buffer, offset, length) + value;
  if (tail === offset + length) {
    kvs.push(buffer, offset, head);
    return;
  }
  const body = Buffer.concat([
    buffer.subarray(offset, offset + head),
    buffer.subarray(tail, offset + length),
  ]);
  kvs.push(body, 0, body.length);
}

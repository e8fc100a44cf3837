import type { Bytes } from '../../base/index.ts';

/** V8 keeps typed arrays up to this size in its own heap, where they are cheap to make. */
const HEAP_BYTES_MAX = 64;
/** What `Buffer.from` takes from its pool. */
const POOLED_BYTES_MAX = Buffer.poolSize >>> 1;

/** Small ones come from Node's pool: each on its own would cost the collector more than it holds. */
export function copyOf(bytes: Bytes): Bytes {
  if (bytes.length > HEAP_BYTES_MAX && bytes.length < POOLED_BYTES_MAX) return Buffer.from(bytes);
  const copy =
    bytes.length <= HEAP_BYTES_MAX ? new Uint8Array(bytes.length) : Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

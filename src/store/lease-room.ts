import { NONE } from '../index/index.ts';
import type { PutRequest } from '../wire/index.ts';
import type { WriteParts } from './write-parts.ts';

/**
 * A lease ends in one revision, which is one commit, and an expiry cannot be refused. So a put is refused (`LeaseFull`)
 * that would attach a key to a lease whose keys could then not all be deleted in one commit: with the embedded engines
 * beyond 120 MiB, counting the bytes of each key and 96 more, which is a million keys of 20 bytes. etcd has no such
 * bound: its transactions have none.
 */
export function hasLeaseRoom(parts: WriteParts, request: PutRequest): boolean {
  return new LeaseRoom(parts).take(request);
}

/** The same for the puts of one transaction: counts what they attach together. */
export class LeaseRoom {
  readonly #parts: WriteParts;
  #bytes = 0;
  #keys = 0;

  constructor(parts: WriteParts) {
    this.#parts = parts;
  }

  /** Whether there is room for this put behind those that were asked for before. Takes it. */
  take({ key, lease: id }: PutRequest): boolean {
    if (id === 0n) return true;
    const { index, state, writer } = this.#parts;
    const lease = state.leases.get(id);
    if (lease === undefined) return true;
    const found = index.find(key);
    if (found !== NONE && state.leases.isAttached(lease, found)) return true;
    // Also what goes to other leases is counted: a request is small beside a commit.
    this.#bytes += key.length;
    this.#keys++;
    const { leases } = state;
    // One entry more for the revoke.
    return writer.fits(
      leases.attachedBytes(lease) + this.#bytes,
      leases.attachedCount(lease) + this.#keys + 1,
    );
  }
}

import type { KeyId } from '../index/index.ts';
import { NONE } from '../index/index.ts';
import { Attachments } from './attachments.ts';

/** A lease that was granted and not revoked. */
export interface Lease {
  readonly id: bigint;
  /** Seconds, as granted. */
  readonly ttl: number;
  /** Where its grant lies in the log. */
  readonly sequence: number;
  /** Its number in the attachments. */
  readonly slot: number;
  /** When it expires, in the lessor's time; Infinity while nobody leads. */
  expiresMs: number;
  /** The heap that has an entry for it: of the last that led here, which may be another than the one that leads now. */
  queuedIn: object | undefined;
}

/**
 * The leases and the keys attached to them. Which leases exist is committed state; what is attached follows the newest
 * version of each key, proposed ones included, and comes back when they are taken back.
 */
export class LeaseTable {
  readonly #leases = new Map<bigint, Lease>();
  readonly #attachments: Attachments;
  readonly #freeSlots: number[] = [];
  #slots = 0;

  /** `keyBytes`: the length of a key of the index. */
  constructor(keyBytes: (key: KeyId) => number) {
    this.#attachments = new Attachments(keyBytes);
  }

  get count(): number {
    return this.#leases.size;
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  all(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  /** A grant is committed. Applying it again changes nothing. */
  granted(id: bigint, ttl: number, sequence: number): Lease {
    const existing = this.#leases.get(id);
    if (existing !== undefined) return existing;
    const slot = this.#freeSlots.pop() ?? this.#slots++;
    const lease: Lease = { id, ttl, sequence, slot, expiresMs: Infinity, queuedIn: undefined };
    this.#leases.set(id, lease);
    return lease;
  }

  /** A revoke is committed. Its deletes came before it, so that nothing is attached any more but in a replay. */
  revoked(id: bigint): Lease | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    for (const key of this.#attachments.keys(lease.slot)) this.#attachments.attach(key, NONE);
    this.#leases.delete(id);
    this.#freeSlots.push(lease.slot);
    return lease;
  }

  /** The newest version of `key` is a put with this lease (0n: none), or a tombstone (0n). */
  attach(key: KeyId, id: bigint): void {
    this.#attachments.attach(key, id === 0n ? NONE : (this.#leases.get(id)?.slot ?? NONE));
  }

  detach(key: KeyId): void {
    this.#attachments.attach(key, NONE);
  }

  attachedCount(lease: Lease): number {
    return this.#attachments.count(lease.slot);
  }

  /** The lengths of all attached keys together. */
  attachedBytes(lease: Lease): number {
    return this.#attachments.bytes(lease.slot);
  }

  isAttached(lease: Lease, key: KeyId): boolean {
    return this.#attachments.slotOf(key) === lease.slot;
  }

  attached(lease: Lease): Uint32Array {
    return this.#attachments.keys(lease.slot);
  }
}

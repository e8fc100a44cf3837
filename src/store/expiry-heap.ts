import type { Lease } from './leases.ts';

/**
 * Which leases may have expired. An entry keeps the time it was added for: a keep-alive only moves the lease's own time,
 * and the entry is put right when it comes up. So a keep-alive costs nothing here, and grant and expiry O(log n).
 */
export class ExpiryHeap {
  readonly #times: number[] = [];
  readonly #leases: Lease[] = [];

  get size(): number {
    return this.#leases.length;
  }

  /** A lease is in it at most once. */
  add(lease: Lease): void {
    if (lease.queuedIn === this) return;
    lease.queuedIn = this;
    let at = this.#leases.length;
    const time = lease.expiresMs;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#times[parent]! <= time) break;
      this.#set(at, this.#times[parent]!, this.#leases[parent]!);
      at = parent;
    }
    this.#set(at, time, lease);
  }

  /** Takes out a lease whose entry is due at `nowMs`; its own time may be later. */
  takeDue(nowMs: number): Lease | undefined {
    if (this.#leases.length === 0 || this.#times[0]! > nowMs) return undefined;
    const due = this.#leases[0]!;
    due.queuedIn = undefined;
    const time = this.#times.pop() as number;
    const last = this.#leases.pop() as Lease;
    if (this.#leases.length > 0) this.#sink(time, last);
    return due;
  }

  #sink(time: number, lease: Lease): void {
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#leases.length) break;
      if (child + 1 < this.#leases.length && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#set(at, this.#times[child]!, this.#leases[child]!);
      at = child;
    }
    this.#set(at, time, lease);
  }

  #set(at: number, time: number, lease: Lease): void {
    this.#times[at] = time;
    this.#leases[at] = lease;
  }
}

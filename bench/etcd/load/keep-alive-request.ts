/** Ids of leases take four bytes each, whatever the lease. */
export const FIRST_LEASE = 2 ** 22;
const ID_BYTES = 4;
const ID_TAG = 0x08;
/** TTL of a LeaseKeepAliveResponse, whose last field it is: absent when the lease has ended. */
const TTL_TAG = 0x18;

export const KEEP_ALIVE = '/etcdserverpb.Lease/LeaseKeepAlive';
/** Longer than any benchmark, and three bytes in an answer. */
export const LEASE_SECONDS = 36_000;
export const KEEP_ALIVE_BYTES = 1 + ID_BYTES;

/** Writes a LeaseKeepAliveRequest of lease number `lease`, counted from 0. */
export function writeKeepAlive(target: Buffer, at: number, lease: number): void {
  target[at] = ID_TAG;
  let rest = FIRST_LEASE + lease;
  for (let position = 1; position < ID_BYTES; position++) {
    target[at + position] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at + ID_BYTES] = rest;
}

/** Whether the answer that ends at `end` says that the lease lives. */
export function isKeptAlive(bytes: Buffer, end: number): boolean {
  return end > 4 && bytes[end - 4] === TTL_TAG;
}

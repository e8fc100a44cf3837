const TTL_MIN_MS = 3000;
const TTL_MAX_MS = 20_000;
const TTL_PER_ROOT_MIB_MS = 6000;
/** Smaller transactions get the least: their size adds nothing. */
const SMALL_BYTES = 16 * 1024;
const MIB = 1024 * 1024;

/**
 * How long the locks of a transaction hold if its client dies, in milliseconds from its start timestamp on: longer the
 * more there is to send (client-go's `txnLockTTL`), but no longer than needed, because others wait for as long.
 *
 * @param ageMs of the start timestamp.
 */
export function lockTtlMs(bytes: number, ageMs: number): bigint {
  const scaledMs = bytes < SMALL_BYTES ? TTL_MIN_MS : TTL_PER_ROOT_MIB_MS * Math.sqrt(bytes / MIB);
  return BigInt(Math.ceil(Math.min(TTL_MAX_MS, Math.max(TTL_MIN_MS, scaledMs)) + ageMs));
}

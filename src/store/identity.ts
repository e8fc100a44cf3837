const MASK64 = (1n << 64n) - 1n;
const MASK63 = (1n << 63n) - 1n;

/** A member's id: a positive 63-bit hash of the cluster's id and the member's name (FNV-1a, mixed). */
export function memberIdOf(clusterId: bigint, name: string): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(clusterId & MASK64);
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.concat([bytes, Buffer.from(name)]))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK64;
  hash ^= hash >> 33n;
  hash = (hash * 0xff51afd7ed558ccdn) & MASK64;
  hash ^= hash >> 33n;
  return hash & MASK63 || 1n;
}

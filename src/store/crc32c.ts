/** CRC-32C (Castagnoli), reflected, as Go's hash/crc32 computes it: four bytes a turn, through tables. */
const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

/** Goes on with a checksum; the first call takes 0. */
export function crc32c(crc: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let sum = ~crc;
  let at = from;
  for (const end = to - 3; at < end; at += 4) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      TABLES[768 + (sum & 255)]! ^
      TABLES[512 + ((sum >>> 8) & 255)]! ^
      TABLES[256 + ((sum >>> 16) & 255)]! ^
      TABLES[sum >>> 24]!;
  }
  for (; at < to; at++) sum = (sum >>> 8) ^ TABLES[(sum ^ bytes[at]!) & 255]!;
  return ~sum >>> 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum & 1) * POLYNOMIAL);
    tables[byte] = sum;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 4; table++) {
      const before = tables[(table - 1) * 256 + byte]!;
      tables[table * 256 + byte] = (before >>> 8) ^ tables[before & 255]!;
    }
  }
  return tables;
}

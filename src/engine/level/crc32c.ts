import type { Bytes } from '../../base/index.ts';

const POLYNOMIAL = 0x82f63b78;
const TABLE = makeTable();

/** LevelDB's checksum: the CRC-32C of `bytes[from, to)`, rotated right by 15 and offset, as its log stores it. */
export function maskedCrc32c(bytes: Bytes, from: number, to: number): number {
  let crc = -1;
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[i] = crc;
  }
  return table;
}

import { crc32 } from 'node:zlib';
import type { Bytes } from '../../base/index.ts';
import { EngineError, KEY_END } from '../index.ts';
import type { Batch } from '../index.ts';

/**
 * The mark of a commit: its number in this store, and a checksum that tells it from another commit of that number.
 * Every commit writes its mark into the store, in the same batch (tail.ts), and, once it is durable, into the side file
 * (witness.ts). So a store whose mark is below the side file's has lost acknowledged commits.
 */
export interface Mark {
  /** 1 for the first commit of the store; dense. 0 stands for "no commit yet". */
  readonly commit: number;
  readonly checksum: number;
}

/** Where an older version kept the mark: above every key of the callers. */
export const MARK_KEY: Bytes = KEY_END;
export const MARK_BYTES = 20;
export const NO_MARK: Mark = { commit: 0, checksum: 0 };
const MAGIC = 0x45474d4b;
const FORMAT = 1;
/** So much from either end of a value enters the checksum: all of a head, and the header and checksum of a chunk. */
const VALUE_END_BYTES = 64;

export function markOf(commit: number, batch: Batch): Mark {
  let checksum = crc32(Buffer.from([commit & 0xff]));
  for (const { key, value } of batch.writes) {
    checksum = crc32(key, checksum);
    if (value === undefined) continue;
    if (value.length <= 2 * VALUE_END_BYTES) checksum = crc32(value, checksum);
    else {
      checksum = crc32(value.subarray(0, VALUE_END_BYTES), checksum);
      checksum = crc32(value.subarray(value.length - VALUE_END_BYTES), checksum);
    }
  }
  return { commit, checksum };
}

/** `magic u32, format u16, commit u48, checksum u32, checksum of what precedes u32`, big endian. */
export function encodeMark(mark: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt16BE(FORMAT, 4);
  bytes.writeUIntBE(mark.commit, 6, 6);
  bytes.writeUInt32BE(mark.checksum, 12);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 16)), 16);
  return bytes;
}

/**
 * Undefined when the bytes are no whole mark (absent, torn, damaged).
 * @throws EngineError `format` for a newer format.
 */
export function decodeMark(encoded: Bytes): Mark | undefined {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  if (bytes.length < MARK_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  if (bytes.readUInt32BE(16) !== crc32(bytes.subarray(0, 16))) return undefined;
  const format = bytes.readUInt16BE(4);
  if (format > FORMAT) {
    throw new EngineError(
      'format',
      `Cannot open the store as it has format ${format} and this version knows up to ${FORMAT}: use a newer version`,
    );
  }
  return { commit: bytes.readUIntBE(6, 6), checksum: bytes.readUInt32BE(12) };
}

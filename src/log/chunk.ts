import { crc32 } from 'node:zlib';

import type { Bytes } from '../base/index.ts';
import { damaged, newerFormat } from './errors.ts';
import { readU64, writeU64 } from './numbers.ts';

/** Which chunk formats a program reads and writes. */
export interface ChunkFormats {
  /** The highest format that it reads; a chunk of a higher one is refused. */
  readonly knows: number;
  /** The format of what it writes now: at most `knows`, and what every node of the cluster knows. Cheap. */
  readonly writes: () => number;
}

/**
 * A chunk, all integers little-endian:
 *
 *     0  magic `EGRC`            in every format
 *     4  checksum (CRC-32) of everything from 8 on, entries included; in every format
 *     8  format                  u16, in every format
 *     10 flags                   u16: 1 continues, 2 swept
 *     12 entry count             u32
 *     16 length of the entries   u32
 *     20 epoch                   u64
 *     28 first sequence covered  u64
 *     36 last sequence covered   u64: the chunk lies in this slot
 *     44 cleaned-at revision     u64, 0: nothing was compacted then
 *     52 cleaned-at sequence     u64, 0: never cleaned
 *     60 entries (entry.ts)
 */
export interface ChunkHeader {
  readonly format: number;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  /** The proposal at its end continues in the next chunk, and is never applied without it. */
  readonly continues: boolean;
  /** A removal has been dropped: whoever has applied less than this chunk must replay from the start. */
  readonly swept: boolean;
  readonly cleanedRevision: number;
  readonly cleanedSequence: number;
  readonly entryCount: number;
  readonly entriesLength: number;
}

/** The highest chunk format of this program. */
export const CHUNK_FORMAT = 1;
export const CHUNK_FORMATS: ChunkFormats = { knows: CHUNK_FORMAT, writes: () => CHUNK_FORMAT };
export const CHUNK_HEADER_LENGTH = 60;

const MAGIC = 0x43524745;
const CONTINUES = 1;
const SWEPT = 2;

/** Writes the header at `at`, in front of entries that are there already, and checksums all of it. */
export function writeChunkHeader(bytes: Buffer, header: ChunkHeader, at: number): void {
  bytes.writeUInt32LE(MAGIC, at);
  bytes.writeUInt16LE(header.format, at + 8);
  bytes.writeUInt16LE((header.continues ? CONTINUES : 0) | (header.swept ? SWEPT : 0), at + 10);
  bytes.writeUInt32LE(header.entryCount, at + 12);
  bytes.writeUInt32LE(header.entriesLength, at + 16);
  writeU64(bytes, header.epoch, at + 20);
  writeU64(bytes, header.first, at + 28);
  writeU64(bytes, header.last, at + 36);
  writeU64(bytes, header.cleanedRevision, at + 44);
  writeU64(bytes, header.cleanedSequence, at + 52);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + CHUNK_HEADER_LENGTH + header.entriesLength)), at + 4);
}

/** A stored chunk, verified. */
export interface Chunk {
  readonly header: ChunkHeader;
  /** All of it, header included. */
  readonly bytes: Buffer;
  /** How messages call it. */
  readonly position: string;
}

/**
 * Verifies magic, checksum, format and lengths of a chunk from the slot of `sequence`. Throws LogError `log-damaged`, or
 * `log-format` when its format is above `knows`.
 */
export function readChunk(stored: Bytes, sequence: number, knows = CHUNK_FORMAT): Chunk {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const position = `chunk ${sequence}`;
  if (bytes.length < 10 || bytes.readUInt32LE(0) !== MAGIC) throw damaged(position, 'it is not a chunk');
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) throw damaged(position, 'its checksum is wrong');
  const format = bytes.readUInt16LE(8);
  if (format > knows) throw newerFormat(position, format, knows);
  if (format === 0 || bytes.length < CHUNK_HEADER_LENGTH)
    throw damaged(position, `${bytes.length} bytes of format ${format}`);
  const flags = bytes.readUInt16LE(10);
  const header: ChunkHeader = {
    format,
    continues: (flags & CONTINUES) !== 0,
    swept: (flags & SWEPT) !== 0,
    entryCount: bytes.readUInt32LE(12),
    entriesLength: bytes.readUInt32LE(16),
    epoch: readU64(bytes, 20),
    first: readU64(bytes, 28),
    last: readU64(bytes, 36),
    cleanedRevision: readU64(bytes, 44),
    cleanedSequence: readU64(bytes, 52),
  };
  if (header.entriesLength !== bytes.length - CHUNK_HEADER_LENGTH)
    throw damaged(position, `${bytes.length} bytes, with ${header.entriesLength} bytes of entries`);
  if (header.last !== sequence) throw damaged(position, `it is chunk ${header.last}`);
  if (header.first < 1 || header.first > header.last)
    throw damaged(position, `it covers ${header.first} to ${header.last}`);
  return { header, bytes, position };
}

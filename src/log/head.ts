import { crc32 } from 'node:zlib';

import type { Bytes } from '../base/index.ts';
import { damaged, newerFormat } from './errors.ts';
import { readU64, writeU64 } from './numbers.ts';

/** The one record that is overwritten: who wrote last, and where the log ends. */
export interface Head {
  readonly epoch: number;
  /** Counts commits of every sort, so that no two heads are ever the same bytes. */
  readonly commit: number;
  /** The last sequence of the log; 0 when it is empty. */
  readonly sequence: number;
  /** The last revision of the log. An empty store is at 1, as etcd's is. */
  readonly revision: number;
  /** The highest compaction in the log; 0 without one. */
  readonly compacted: number;
}

export const EMPTY_HEAD: Head = { epoch: 0, commit: 0, sequence: 0, revision: 1, compacted: 0 };
export const HEAD_FORMAT = 1;

/** `EGRH`, then the checksum of all that follows, then the format; in every format. */
const MAGIC = 0x48524745;
const LENGTH = 50;

export function encodeHead(head: Head): Buffer {
  const bytes = Buffer.allocUnsafe(LENGTH);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(HEAD_FORMAT, 8);
  writeU64(bytes, head.epoch, 10);
  writeU64(bytes, head.commit, 18);
  writeU64(bytes, head.sequence, 26);
  writeU64(bytes, head.revision, 34);
  writeU64(bytes, head.compacted, 42);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** Throws LogError `log-damaged` or `log-format`. */
export function decodeHead(stored: Bytes): Head {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  if (bytes.length < 10 || bytes.readUInt32LE(0) !== MAGIC) throw damaged('the head', 'it is not a head');
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) throw damaged('the head', 'its checksum is wrong');
  const format = bytes.readUInt16LE(8);
  if (format > HEAD_FORMAT) throw newerFormat('the head', format, HEAD_FORMAT);
  if (format === 0 || bytes.length !== LENGTH)
    throw damaged('the head', `${bytes.length} bytes of format ${format}`);
  return {
    epoch: readU64(bytes, 10),
    commit: readU64(bytes, 18),
    sequence: readU64(bytes, 26),
    revision: readU64(bytes, 34),
    compacted: readU64(bytes, 42),
  };
}

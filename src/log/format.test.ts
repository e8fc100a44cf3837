/**
 * Promise 10: what one version wrote, the next one reads. The bytes below are format 1 for ever: a test that fails here
 * is not to be brought up to date, a new format is to be made.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { encodeKeyValue } from '../wire/key-value.ts';
import type { ChunkHeader } from './chunk.ts';
import { CHUNK_HEADER_LENGTH, readChunk, writeChunkHeader } from './chunk.ts';
import { EntryColumns, entryHeaderSize, writeEntryHeader } from './entry.ts';
import { LogError } from './errors.ts';
import { decodeHead, encodeHead } from './head.ts';
import { LogKeys, sequenceOfSlot } from './keys.ts';
import { EntryKind, readRecord, recordSize, writeRecord } from './records.ts';
import type { Record } from './records.ts';

const RECORDS: [Record, string][] = [
  [{ kind: 'grant', id: -2n, ttl: 60 }, 'feffffffffffffff3c00000000000000'],
  [{ kind: 'revoke', id: 0x0102030405060708n }, '0807060504030201'],
  [{ kind: 'compact', revision: 2 ** 40 + 5 }, '0500000000010000'],
  [{ kind: 'alarm', member: 0xfffffffffffffffen, alarm: 1, active: true }, 'feffffffffffffff0100000001'],
  [{ kind: 'alarm', member: 3n, alarm: 2, active: false }, '03000000000000000200000000'],
  [{ kind: 'epoch', epoch: 7 }, '0700000000000000'],
  [{ kind: 'cluster', clusterId: 0x8000000000000001n }, '0100000000000080'],
];

const KEY_VALUE = encodeKeyValue({
  key: Buffer.from('k'),
  createRevision: 2,
  modRevision: 300,
  version: 1,
  value: Buffer.from('v'),
  lease: 0n,
});

/** A chunk that covers 5 to 7, with a grant of sequence 5 and a put of sequence 7. */
function sampleChunk(): Buffer {
  const grant = Buffer.alloc(16);
  writeRecord(grant, { kind: 'grant', id: 1n, ttl: 2 }, 0);
  const entries = [
    { kind: EntryKind.grant, offset: 0, revision: 0, sub: 0, body: grant },
    { kind: EntryKind.put, offset: 2, revision: 300, sub: 1, body: KEY_VALUE },
  ];
  const sizes = entries.map(
    (e) => entryHeaderSize(e.offset, e.revision, e.sub, e.body.length) + e.body.length,
  );
  const entriesLength = sizes.reduce((a, b) => a + b);
  const bytes = Buffer.alloc(CHUNK_HEADER_LENGTH + entriesLength);
  let at = CHUNK_HEADER_LENGTH;
  for (const { kind, offset, revision, sub, body } of entries) {
    at = writeEntryHeader(bytes, at, kind, offset, revision, sub, body.length);
    at += body.copy(bytes, at);
  }
  const header: ChunkHeader = {
    format: 1,
    epoch: 3,
    first: 5,
    last: 7,
    continues: true,
    swept: true,
    cleanedRevision: 299,
    cleanedSequence: 2 ** 33,
    entryCount: 2,
    entriesLength,
  };
  writeChunkHeader(bytes, header, 0);
  return bytes;
}

const CHUNK =
  '45475243' + // magic
  'CHECKSUM' +
  '0100' + // format
  '0300' + // flags
  '02000000' + // entries
  '2a000000' + // length of the entries
  '0300000000000000' + // epoch
  '0500000000000000' + // first
  '0700000000000000' + // last
  '2b01000000000000' + // cleaned-at revision
  '0000000002000000' + // cleaned-at sequence
  '030000000010' + // grant, no flags, offset 0, revision 0, sub 0, 16 bytes
  '01000000000000000200000000000000' +
  '010002ac02010d' + // put, no flags, offset 2, revision 300, sub 1, 13 bytes
  '0a016b100218ac0220012a0176';

describe('format 1', () => {
  it.each(RECORDS)('promise 10: the body of $kind is as it always was', (record, hex) => {
    const bytes = Buffer.alloc(recordSize(record));
    writeRecord(bytes, record, 0);
    expect(bytes.toString('hex')).toBe(hex);
    expect(readRecord(EntryKind[record.kind], bytes, 'a test')).toEqual(record);
  });

  it('promise 10: a chunk is as it always was', () => {
    const bytes = sampleChunk();
    const found = bytes.toString('hex');
    expect(found.replace(found.slice(8, 16), 'CHECKSUM')).toBe(CHUNK);
    expect(bytes.readUInt32LE(4)).toBe(crc32(bytes.subarray(8)));
  });

  it('promise 10: the head is as it always was', () => {
    const head = { epoch: 1, commit: 2, sequence: 3, revision: 4, compacted: 2 ** 34 };
    const hex =
      '45475248' +
      crcHex('01000100000000000000020000000000000003000000000000000400000000000000' + '0000000004000000') +
      '0100' +
      '0100000000000000' +
      '0200000000000000' +
      '0300000000000000' +
      '0400000000000000' +
      '0000000004000000';
    expect(encodeHead(head).toString('hex')).toBe(hex);
    expect(decodeHead(Buffer.from(hex, 'hex'))).toEqual(head);
  });

  it('promise 10: keys are as they always were, and the head is behind every slot', () => {
    const keys = new LogKeys('default');
    expect(keys.slot(0x1abc).toString()).toBe('engram/default/log/00000000001abc');
    expect(keys.head.toString()).toBe('engram/default/log/head');
    expect(sequenceOfSlot(keys.slot(2 ** 53 - 1))).toBe(2 ** 53 - 1);
    expect(Buffer.compare(keys.slot(2 ** 53 - 1), keys.head)).toBe(-1);
    expect(Buffer.compare(keys.slot(9), keys.slot(10))).toBe(-1);
  });

  it('a chunk reads back as it was written', () => {
    const chunk = readChunk(sampleChunk(), 7);
    const { epoch, first, last, continues, swept, cleanedRevision, cleanedSequence } = chunk.header;
    expect([epoch, first, last, continues, swept, cleanedRevision, cleanedSequence]).toEqual([
      3,
      5,
      7,
      true,
      true,
      299,
      2 ** 33,
    ]);
    const columns = new EntryColumns();
    columns.parse(chunk);
    expect(columns.count).toBe(2);
    expect([...columns.kinds.subarray(0, 2)]).toEqual([EntryKind.grant, EntryKind.put]);
    expect([...columns.sequences.subarray(0, 2)]).toEqual([5, 7]);
    expect([...columns.revisions.subarray(0, 2)]).toEqual([0, 300]);
    expect([...columns.subs.subarray(0, 2)]).toEqual([0, 1]);
    const at = columns.bodyOffsets[1]!;
    expect(chunk.bytes.subarray(at, at + columns.bodyLengths[1]!).equals(KEY_VALUE)).toBe(true);
  });
});

describe('damage', () => {
  it('every flipped bit of a chunk and of a head is detected', () => {
    for (const [bytes, read] of [
      [sampleChunk(), (found: Buffer) => readChunk(found, 7)],
      [encodeHead({ epoch: 1, commit: 2, sequence: 3, revision: 4, compacted: 0 }), decodeHead],
    ] as const) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const found = Buffer.from(bytes);
        found[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => read(found), `bit ${bit}`).toThrow(LogError);
      }
      for (let length = 0; length < bytes.length; length++)
        expect(() => read(bytes.subarray(0, length)), `${length} bytes`).toThrow(LogError);
    }
  });

  it('a chunk with a right checksum and wrong contents gives an error, never another', () => {
    for (let at = 8; at < sampleChunk().length; at++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
        const bytes = sampleChunk();
        bytes[at] = byte;
        bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
        try {
          new EntryColumns().parse(readChunk(bytes, 7));
        } catch (error) {
          expect(error).toBeInstanceOf(LogError);
        }
      }
    }
  });

  it('a newer format is refused with both numbers', () => {
    const bytes = sampleChunk();
    bytes.writeUInt16LE(9, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
    expect(() => readChunk(bytes, 7)).toThrow(/chunk 7: it has format 9 .* up to 1/);
    const head = encodeHead({ epoch: 1, commit: 2, sequence: 3, revision: 4, compacted: 0 });
    head.writeUInt16LE(2, 8);
    head.writeUInt32LE(crc32(head.subarray(8)), 4);
    expect(() => decodeHead(head)).toThrow(expect.objectContaining({ code: 'log-format' }) as Error);
  });

  it('a chunk in another slot is refused', () => {
    expect(() => readChunk(sampleChunk(), 8)).toThrow(/it is chunk 7/);
  });
});

function crcHex(hex: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(crc32(Buffer.from(hex, 'hex')));
  return bytes.toString('hex');
}

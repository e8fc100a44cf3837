import { unreachable } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { damaged } from './errors.ts';
import { readU64, writeU64 } from './numbers.ts';

/** The kinds of entries. Numbers are stored: they never change their meaning. */
export const EntryKind = {
  put: 1,
  delete: 2,
  grant: 3,
  revoke: 4,
  compact: 5,
  alarm: 6,
  epoch: 7,
  cluster: 8,
} as const;
export type EntryKindName = keyof typeof EntryKind;
export type VersionKind = typeof EntryKind.put | typeof EntryKind.delete;

/** The highest kind that this format knows. */
export const ENTRY_KIND_MAX = 8;

/**
 * An entry that takes no revision. Lease ids are signed, cluster and member ids unsigned 64-bit integers. `ttl` is in
 * seconds. `alarm` is etcd's `AlarmType`; `active: false` disarms it.
 */
export type Record =
  | { readonly kind: 'grant'; readonly id: bigint; readonly ttl: number }
  | { readonly kind: 'revoke'; readonly id: bigint }
  | { readonly kind: 'compact'; readonly revision: number }
  | { readonly kind: 'alarm'; readonly member: bigint; readonly alarm: number; readonly active: boolean }
  | { readonly kind: 'epoch'; readonly epoch: number }
  | { readonly kind: 'cluster'; readonly clusterId: bigint };
export type RecordKind = Record['kind'];

const SIZES = { grant: 16, revoke: 8, compact: 8, alarm: 13, epoch: 8, cluster: 8 } as const;

/** How many bytes the body of a record takes. */
export function recordSize(record: Record): number {
  return SIZES[record.kind];
}

/** Writes the body of `record` at `at`; it takes `recordSize(record)` bytes. */
export function writeRecord(bytes: Buffer, record: Record, at: number): void {
  switch (record.kind) {
    case 'grant':
      bytes.writeBigInt64LE(record.id, at);
      writeU64(bytes, record.ttl, at + 8);
      return;
    case 'revoke':
      bytes.writeBigInt64LE(record.id, at);
      return;
    case 'compact':
      writeU64(bytes, record.revision, at);
      return;
    case 'alarm':
      bytes.writeBigUInt64LE(record.member, at);
      bytes.writeInt32LE(record.alarm, at + 8);
      bytes[at + 12] = record.active ? 1 : 0;
      return;
    case 'epoch':
      writeU64(bytes, record.epoch, at);
      return;
    case 'cluster':
      bytes.writeBigUInt64LE(record.clusterId, at);
      return;
    default:
      unreachable(record);
  }
}

/** Reads the body of an entry of `kind`. `position` names the chunk in the error that a wrong body gives. */
export function readRecord(kind: number, body: Bytes, position: string): Record {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const record = parse(kind, bytes);
  if (record === undefined) throw damaged(position, `kind ${kind} with ${body.length} bytes is not a record`);
  return record;
}

function parse(kind: number, bytes: Buffer): Record | undefined {
  switch (kind) {
    case EntryKind.grant:
      if (bytes.length !== SIZES.grant) return undefined;
      return { kind: 'grant', id: bytes.readBigInt64LE(0), ttl: readU64(bytes, 8) };
    case EntryKind.alarm: {
      if (bytes.length !== SIZES.alarm) return undefined;
      const active = bytes[12] === 1;
      return { kind: 'alarm', member: bytes.readBigUInt64LE(0), alarm: bytes.readInt32LE(8), active };
    }
  }
  if (bytes.length !== 8) return undefined;
  switch (kind) {
    case EntryKind.revoke:
      return { kind: 'revoke', id: bytes.readBigInt64LE(0) };
    case EntryKind.compact:
      return { kind: 'compact', revision: readU64(bytes, 0) };
    case EntryKind.epoch:
      return { kind: 'epoch', epoch: readU64(bytes, 0) };
    case EntryKind.cluster:
      return { kind: 'cluster', clusterId: bytes.readBigUInt64LE(0) };
    default:
      return undefined;
  }
}

import type { ResponseHeader } from './messages.ts';
import {
  bigFieldSize,
  copyInto,
  int64FieldSize,
  messageFieldSize,
  writeBigField,
  writeFrame,
  writeInt64Field,
} from './writer.ts';

const CLUSTER_ID = 0x08;
const MEMBER_ID = 0x10;
const REVISION = 0x18;
const RAFT_TERM = 0x20;
/** Field 1 of every response. */
const HEADER = 0x0a;

/** The part of every response header of this process that never changes, encoded once. Both ids are unsigned. */
export function headerIdentity(clusterId: bigint, memberId: bigint): Uint8Array {
  const target = Buffer.alloc(bigFieldSize(clusterId) + bigFieldSize(memberId));
  writeBigField(target, writeBigField(target, 0, CLUSTER_ID, clusterId), MEMBER_ID, memberId);
  return target;
}

function contentSize(header: ResponseHeader): number {
  return header.identity.length + int64FieldSize(header.revision) + int64FieldSize(header.raftTerm);
}

/** Size of the header as field 1 of a response; 0 for none. */
export function headerFieldSize(header: ResponseHeader | undefined): number {
  return header === undefined ? 0 : messageFieldSize(contentSize(header));
}

export function writeHeaderField(
  target: Uint8Array,
  offset: number,
  header: ResponseHeader | undefined,
): number {
  if (header === undefined) return offset;
  let at = writeFrame(target, offset, HEADER, contentSize(header));
  at = copyInto(target, at, header.identity, 0, header.identity.length);
  at = writeInt64Field(target, at, REVISION, header.revision);
  return writeInt64Field(target, at, RAFT_TERM, header.raftTerm);
}

/** A response that is only a header: of Compact, LeaseRevoke and others. */
export function encodeHeaderOnlyResponse(header: ResponseHeader | undefined): Buffer {
  const target = Buffer.allocUnsafe(headerFieldSize(header));
  writeHeaderField(target, 0, header);
  return target;
}

import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { KeyId, VersionId } from '../index/index.ts';
import { createRevision, lease, valueView, version } from '../wire/index.ts';
import type { PutRequest } from '../wire/index.ts';
import type { WriteParts } from './write-parts.ts';

/** About what an entry takes in a chunk beside its key and value: its header and the numbers of the body. */
export const ENTRY_BYTES = 64;

/** Appends a put to the open proposal and to the index. Whether it may be put has been checked. */
export function proposePut(parts: WriteParts, request: PutRequest, revision: number, sub: number): void {
  const { index, segments, writer, state } = parts;
  const key = index.find(request.key);
  const newest = key === NONE ? NONE : index.newest(key);
  const previous = newest === NONE || index.isTombstone(newest) ? NONE : newest;
  let created = revision;
  let nextVersion = 1;
  let value = request.value;
  let leaseId = request.lease;
  if (previous !== NONE) {
    const bytes = segments.bytes(index.segment(previous));
    const offset = index.offset(previous);
    const length = index.length(previous);
    created = createRevision(bytes, offset, length);
    nextVersion = version(bytes, offset, length) + 1;
    if (request.ignoreValue) value = valueView(bytes, offset, length);
    if (request.ignoreLease) leaseId = lease(bytes, offset, length);
  }
  writer.put(revision, sub, request.key, created, nextVersion, value, leaseId);
  const { segment, bodyOffset, bodyLength } = writer;
  const added = index.add(segment, bodyOffset, bodyLength, revision, sub, false, key);
  state.leases.attach(index.keyOf(added), leaseId);
  state.operations.proposedPuts++;
}

/** Appends the delete of a live key. */
export function proposeRemove(parts: WriteParts, key: KeyId, revision: number, sub: number): void {
  const { index, writer, state } = parts;
  writer.remove(revision, sub, index.keyBytes(key));
  index.add(writer.segment, writer.bodyOffset, writer.bodyLength, revision, sub, true, key);
  state.leases.detach(key);
  state.operations.proposedDeletes++;
}

/** A version's body as a view; it must be in memory. */
export function bodyOf(parts: WriteParts, id: VersionId): Bytes {
  const { index } = parts;
  const offset = index.offset(id);
  return parts.segments.bytes(index.segment(id)).subarray(offset, offset + index.length(id));
}

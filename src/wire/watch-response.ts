import { headerFieldSize, writeHeaderField } from './header.ts';
import type { WatchResponseHead } from './messages.ts';
import {
  boolFieldSize,
  bytesFieldSize,
  copyInto,
  int64FieldSize,
  messageFieldSize,
  writeBoolField,
  writeBytesField,
  writeFrame,
  writeInt64Field,
} from './writer.ts';

/**
 * What a watch stream answers. A response is a head, which differs from watcher to watcher, and behind it its events,
 * each a finished field: the same bytes serve every watcher of the same range.
 */

const WATCH_ID = 0x10;
const CREATED = 0x18;
const CANCELED = 0x20;
const COMPACT_REVISION = 0x28;
const CANCEL_REASON = 0x32;
const FRAGMENT = 0x38;
const EVENTS = 0x5a;

const EVENT_TYPE = 0x08;
const EVENT_TYPE_DELETE = 1;
const EVENT_KV = 0x12;
const EVENT_PREV_KV = 0x1a;

export function encodeWatchResponseHead(head: WatchResponseHead): Buffer {
  const reason = head.cancelReason === '' ? undefined : Buffer.from(head.cancelReason);
  const size =
    headerFieldSize(head.header) +
    int64FieldSize(head.watchId) +
    boolFieldSize(head.created) +
    boolFieldSize(head.canceled) +
    int64FieldSize(head.compactRevision) +
    (reason === undefined ? 0 : bytesFieldSize(reason.length)) +
    boolFieldSize(head.fragment);
  const target = Buffer.allocUnsafe(size);
  let at = writeHeaderField(target, 0, head.header);
  at = writeInt64Field(target, at, WATCH_ID, head.watchId);
  at = writeBoolField(target, at, CREATED, head.created);
  at = writeBoolField(target, at, CANCELED, head.canceled);
  at = writeInt64Field(target, at, COMPACT_REVISION, head.compactRevision);
  if (reason !== undefined) at = writeBytesField(target, at, CANCEL_REASON, reason);
  writeBoolField(target, at, FRAGMENT, head.fragment);
  return target;
}

/** Size of an event before its key-values' bytes; `prevKvBytes` is 0 for none. */
function eventContentSize(isDelete: boolean, kvBytes: number, prevKvBytes: number): number {
  const prevKvSize = prevKvBytes === 0 ? 0 : messageFieldSize(prevKvBytes);
  return (isDelete ? 2 : 0) + messageFieldSize(kvBytes) + prevKvSize;
}

/** Size of one event as a field of the response: tag, length, type and key-values. `prevKvBytes` is 0 for none. */
export function eventFieldSize(isDelete: boolean, kvBytes: number, prevKvBytes: number): number {
  return messageFieldSize(eventContentSize(isDelete, kvBytes, prevKvBytes));
}

/**
 * Writes an event as far as the key-value's bytes, which come next: `kvBytes` of them, then, if `prevKvBytes` is not 0,
 * `writePrevKvFrame` and those. So large values can stay where they are.
 */
export function writeEventFrame(
  target: Uint8Array,
  offset: number,
  isDelete: boolean,
  kvBytes: number,
  prevKvBytes: number,
): number {
  let at = writeFrame(target, offset, EVENTS, eventContentSize(isDelete, kvBytes, prevKvBytes));
  if (isDelete) {
    target[at++] = EVENT_TYPE;
    target[at++] = EVENT_TYPE_DELETE;
  }
  return writeFrame(target, at, EVENT_KV, kvBytes);
}

export function writePrevKvFrame(target: Uint8Array, offset: number, prevKvBytes: number): number {
  return writeFrame(target, offset, EVENT_PREV_KV, prevKvBytes);
}

/** Writes a whole event, copying its key-values. Pass a `prevKvBytes` of 0 for none; `prevKv` is then not read. */
export function writeEventField(
  target: Uint8Array,
  offset: number,
  isDelete: boolean,
  kv: Uint8Array,
  kvOffset: number,
  kvBytes: number,
  prevKv: Uint8Array,
  prevKvOffset: number,
  prevKvBytes: number,
): number {
  const at = writeEventFrame(target, offset, isDelete, kvBytes, prevKvBytes);
  const end = copyInto(target, at, kv, kvOffset, kvBytes);
  if (prevKvBytes === 0) return end;
  return copyInto(target, writePrevKvFrame(target, end, prevKvBytes), prevKv, prevKvOffset, prevKvBytes);
}

import { EMPTY_BYTES } from '../base/index.ts';
import { WireError } from './errors.ts';
import type { WatchCreateRequest, WatchRequest } from './messages.ts';
import { Reader } from './reader.ts';
import {
  boolFieldSize,
  bytesFieldSize,
  int64FieldSize,
  messageFieldSize,
  varintSize,
  writeBoolField,
  writeBytesField,
  writeFrame,
  writeInt64Field,
  writeVarint,
} from './writer.ts';

/** What a client sends on a watch stream. */

const CREATE_REQUEST = 0x0a;
const CANCEL_REQUEST = 0x12;
const PROGRESS_REQUEST = 0x1a;

const KEY = 0x0a;
const RANGE_END = 0x12;
const START_REVISION = 0x18;
const PROGRESS_NOTIFY = 0x20;
const FILTERS = 0x28;
const FILTERS_PACKED = 0x2a;
const PREV_KV = 0x30;
const WATCH_ID = 0x38;
const FRAGMENT = 0x40;

const CANCEL_WATCH_ID = 0x08;

/** Filters in one create request, at most; there are two kinds. */
export const filtersMax = 1024;

/**
 * Throws WireError. The request's bytes are views. A chosen watch id beyond +/- (2^53 - 2) is `valueOutOfRange`, since
 * the responses could not carry it back; a cancel of such an id saturates, and so names no watcher.
 */
export function decodeWatchRequest(bytes: Uint8Array): WatchRequest {
  const reader = new Reader(bytes);
  let request: WatchRequest = { kind: 'none' };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag !== CREATE_REQUEST && tag !== CANCEL_REQUEST && tag !== PROGRESS_REQUEST) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    if (tag === CREATE_REQUEST) {
      const into: WatchCreateRequest = request.kind === 'create' ? request.request : emptyCreateRequest();
      request = { kind: 'create', request: readCreateRequest(reader, into) };
    } else if (tag === CANCEL_REQUEST) {
      const watchId: number = request.kind === 'cancel' ? request.watchId : 0;
      request = { kind: 'cancel', watchId: readCancelRequest(reader, watchId) };
    } else {
      request = readProgressRequest(reader);
    }
    reader.leave(outerEnd);
  }
  return request;
}

function emptyCreateRequest(): WatchCreateRequest {
  return {
    key: EMPTY_BYTES,
    rangeEnd: EMPTY_BYTES,
    startRevision: 0,
    progressNotify: false,
    filters: [],
    prevKv: false,
    watchId: 0,
    fragment: false,
  };
}

function readCreateRequest(reader: Reader, request: WatchCreateRequest): WatchCreateRequest {
  while (reader.position < reader.end) readCreateField(reader, request, reader.tag());
  return request;
}

function readCreateField(reader: Reader, request: WatchCreateRequest, tag: number): void {
  switch (tag) {
    case KEY:
      request.key = reader.view();
      break;
    case RANGE_END:
      request.rangeEnd = reader.view();
      break;
    case START_REVISION:
      request.startRevision = reader.int64();
      break;
    case PROGRESS_NOTIFY:
      request.progressNotify = reader.bool();
      break;
    case FILTERS:
      addFilter(request.filters, reader);
      break;
    case FILTERS_PACKED: {
      const outerEnd = reader.enter();
      while (reader.position < reader.end) addFilter(request.filters, reader);
      reader.leave(outerEnd);
      break;
    }
    case PREV_KV:
      request.prevKv = reader.bool();
      break;
    case WATCH_ID:
      request.watchId = readWatchId(reader);
      break;
    case FRAGMENT:
      request.fragment = reader.bool();
      break;
    default:
      reader.skip(tag);
  }
}

function addFilter(filters: number[], reader: Reader): void {
  const position = reader.position;
  const filter = reader.enumeration();
  if (filters.length >= filtersMax) throw new WireError('valueOutOfRange', position, 'too many filters');
  filters.push(filter);
}

function readWatchId(reader: Reader): number {
  const position = reader.position;
  const watchId = reader.int64();
  if (Math.abs(watchId) === Number.MAX_SAFE_INTEGER) {
    throw new WireError('valueOutOfRange', position, 'watch id out of range');
  }
  return watchId;
}

function readCancelRequest(reader: Reader, watchIdBefore: number): number {
  let watchId = watchIdBefore;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === CANCEL_WATCH_ID) watchId = reader.int64();
    else reader.skip(tag);
  }
  return watchId;
}

function readProgressRequest(reader: Reader): WatchRequest {
  while (reader.position < reader.end) reader.skip(reader.tag());
  return { kind: 'progress' };
}

function filtersContentSize(filters: readonly number[]): number {
  let size = 0;
  for (const filter of filters) size += varintSize(filter);
  return size;
}

function createRequestSize(request: WatchCreateRequest): number {
  return (
    bytesFieldSize(request.key.length) +
    bytesFieldSize(request.rangeEnd.length) +
    int64FieldSize(request.startRevision) +
    boolFieldSize(request.progressNotify) +
    bytesFieldSize(filtersContentSize(request.filters)) +
    boolFieldSize(request.prevKv) +
    int64FieldSize(request.watchId) +
    boolFieldSize(request.fragment)
  );
}

function writeCreateRequest(target: Uint8Array, offset: number, request: WatchCreateRequest): number {
  let at = writeBytesField(target, offset, KEY, request.key);
  at = writeBytesField(target, at, RANGE_END, request.rangeEnd);
  at = writeInt64Field(target, at, START_REVISION, request.startRevision);
  at = writeBoolField(target, at, PROGRESS_NOTIFY, request.progressNotify);
  if (request.filters.length > 0) {
    at = writeFrame(target, at, FILTERS_PACKED, filtersContentSize(request.filters));
    for (const filter of request.filters) at = writeVarint(target, at, filter);
  }
  at = writeBoolField(target, at, PREV_KV, request.prevKv);
  at = writeInt64Field(target, at, WATCH_ID, request.watchId);
  return writeBoolField(target, at, FRAGMENT, request.fragment);
}

/** For clients. */
export function encodeWatchRequest(request: WatchRequest): Buffer {
  if (request.kind === 'none') return Buffer.alloc(0);
  if (request.kind === 'progress') return Buffer.from([PROGRESS_REQUEST, 0]);
  if (request.kind === 'cancel') {
    const size = int64FieldSize(request.watchId);
    const target = Buffer.allocUnsafe(messageFieldSize(size));
    writeInt64Field(target, writeFrame(target, 0, CANCEL_REQUEST, size), CANCEL_WATCH_ID, request.watchId);
    return target;
  }
  const size = createRequestSize(request.request);
  const target = Buffer.allocUnsafe(messageFieldSize(size));
  writeCreateRequest(target, writeFrame(target, 0, CREATE_REQUEST, size), request.request);
  return target;
}

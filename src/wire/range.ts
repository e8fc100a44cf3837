import { EMPTY_BYTES } from '../base/index.ts';
import { headerFieldSize, writeHeaderField } from './header.ts';
import type { LongMessage } from './long-message.ts';
import type { RangeRequest, RangeResponse } from './messages.ts';
import { Reader } from './reader.ts';
import { kvFieldsSize, MessageWriter, SHORT_MESSAGE_BYTES_MAX } from './message-writer.ts';
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

/** `KV.Range` and `KV.RangeStream`. */

const KEY = 0x0a;
const RANGE_END = 0x12;
const LIMIT = 0x18;
const REVISION = 0x20;
const SORT_ORDER = 0x28;
const SORT_TARGET = 0x30;
const SERIALIZABLE = 0x38;
const KEYS_ONLY = 0x40;
const COUNT_ONLY = 0x48;
const MIN_MOD_REVISION = 0x50;
const MAX_MOD_REVISION = 0x58;
const MIN_CREATE_REVISION = 0x60;
const MAX_CREATE_REVISION = 0x68;

const KVS = 0x12;
const MORE = 0x18;
const COUNT = 0x20;
const STREAM_RANGE_RESPONSE = 0x0a;

/** Throws WireError. The request's bytes are views. */
export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRangeRequest(new Reader(bytes));
}

function emptyRangeRequest(): RangeRequest {
  return {
    key: EMPTY_BYTES,
    rangeEnd: EMPTY_BYTES,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** Reads up to the reader's end, into `request`. */
export function readRangeRequest(reader: Reader, request = emptyRangeRequest()): RangeRequest {
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case KEY:
        request.key = reader.view();
        break;
      case RANGE_END:
        request.rangeEnd = reader.view();
        break;
      case LIMIT:
        request.limit = reader.int64();
        break;
      case REVISION:
        request.revision = reader.int64();
        break;
      case SERIALIZABLE:
        request.serializable = reader.bool();
        break;
      case KEYS_ONLY:
        request.keysOnly = reader.bool();
        break;
      case COUNT_ONLY:
        request.countOnly = reader.bool();
        break;
      default:
        readRareField(reader, request, tag);
    }
  }
  return request;
}

function readRareField(reader: Reader, request: RangeRequest, tag: number): void {
  switch (tag) {
    case SORT_ORDER:
      request.sortOrder = reader.enumeration();
      break;
    case SORT_TARGET:
      request.sortTarget = reader.enumeration();
      break;
    case MIN_MOD_REVISION:
      request.minModRevision = reader.int64();
      break;
    case MAX_MOD_REVISION:
      request.maxModRevision = reader.int64();
      break;
    case MIN_CREATE_REVISION:
      request.minCreateRevision = reader.int64();
      break;
    case MAX_CREATE_REVISION:
      request.maxCreateRevision = reader.int64();
      break;
    default:
      reader.skip(tag);
  }
}

export function rangeRequestSize(request: RangeRequest): number {
  return (
    bytesFieldSize(request.key.length) +
    bytesFieldSize(request.rangeEnd.length) +
    int64FieldSize(request.limit) +
    int64FieldSize(request.revision) +
    int64FieldSize(request.sortOrder) +
    int64FieldSize(request.sortTarget) +
    boolFieldSize(request.serializable) +
    boolFieldSize(request.keysOnly) +
    boolFieldSize(request.countOnly) +
    int64FieldSize(request.minModRevision) +
    int64FieldSize(request.maxModRevision) +
    int64FieldSize(request.minCreateRevision) +
    int64FieldSize(request.maxCreateRevision)
  );
}

export function writeRangeRequest(target: Uint8Array, offset: number, request: RangeRequest): number {
  let at = writeBytesField(target, offset, KEY, request.key);
  at = writeBytesField(target, at, RANGE_END, request.rangeEnd);
  at = writeInt64Field(target, at, LIMIT, request.limit);
  at = writeInt64Field(target, at, REVISION, request.revision);
  at = writeInt64Field(target, at, SORT_ORDER, request.sortOrder);
  at = writeInt64Field(target, at, SORT_TARGET, request.sortTarget);
  at = writeBoolField(target, at, SERIALIZABLE, request.serializable);
  at = writeBoolField(target, at, KEYS_ONLY, request.keysOnly);
  at = writeBoolField(target, at, COUNT_ONLY, request.countOnly);
  at = writeInt64Field(target, at, MIN_MOD_REVISION, request.minModRevision);
  at = writeInt64Field(target, at, MAX_MOD_REVISION, request.maxModRevision);
  at = writeInt64Field(target, at, MIN_CREATE_REVISION, request.minCreateRevision);
  return writeInt64Field(target, at, MAX_CREATE_REVISION, request.maxCreateRevision);
}

export function encodeRangeRequest(request: RangeRequest): Buffer {
  const target = Buffer.allocUnsafe(rangeRequestSize(request));
  writeRangeRequest(target, 0, request);
  return target;
}

/** Exact bytes of the response: known before the first one leaves. */
export function rangeResponseSize(response: RangeResponse): number {
  return (
    headerFieldSize(response.header) +
    kvFieldsSize(response.kvs) +
    boolFieldSize(response.more) +
    int64FieldSize(response.count)
  );
}

/** Writes a response, whose size the caller knows, behind what the writer has. */
export function appendRangeResponse(writer: MessageWriter, response: RangeResponse): void {
  writer.reserve(headerFieldSize(response.header));
  writer.offset = writeHeaderField(writer.target, writer.offset, response.header);
  writer.kvFields(KVS, response.kvs);
  writer.reserve(boolFieldSize(response.more) + int64FieldSize(response.count));
  writer.offset = writeBoolField(writer.target, writer.offset, MORE, response.more);
  writer.offset = writeInt64Field(writer.target, writer.offset, COUNT, response.count);
}

/** The response, at once or while it is sent: the runs must not change until then. */
export function encodeRangeResponse(response: RangeResponse): Buffer | LongMessage {
  const size = rangeResponseSize(response);
  if (response.kvs.count <= 1 && size <= SHORT_MESSAGE_BYTES_MAX) return encodePoint(response, size);
  const writer = new MessageWriter(size);
  appendRangeResponse(writer, response);
  return writer.finish();
}

/** What most calls get, one key-value at most: without the machinery of a writer in half the time. */
function encodePoint({ header, kvs, more, count }: RangeResponse, size: number): Buffer {
  const target = Buffer.allocUnsafe(size);
  let at = writeHeaderField(target, 0, header);
  if (kvs.count > 0) {
    const length = kvs.length(0);
    at = writeFrame(target, at, KVS, length);
    at = copyInto(target, at, kvs.buffer(0), kvs.offset(0), length);
  }
  at = writeBoolField(target, at, MORE, more);
  writeInt64Field(target, at, COUNT, count);
  return target;
}

/** One message of `KV.RangeStream`, like `encodeRangeResponse`. */
export function encodeRangeStreamResponse(response: RangeResponse): Buffer | LongMessage {
  const size = rangeResponseSize(response);
  const writer = new MessageWriter(messageFieldSize(size));
  writer.frame(STREAM_RANGE_RESPONSE, size);
  appendRangeResponse(writer, response);
  return writer.finish();
}

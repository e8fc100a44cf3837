import { EMPTY_BYTES } from '../base/index.ts';
import { headerFieldSize, writeHeaderField } from './header.ts';
import type { LongMessage } from './long-message.ts';
import { kvFieldsSize, MessageWriter } from './message-writer.ts';
import type { DeleteRangeRequest, DeleteRangeResponse } from './messages.ts';
import { Reader } from './reader.ts';
import {
  boolFieldSize,
  bytesFieldSize,
  int64FieldSize,
  writeBoolField,
  writeBytesField,
  writeInt64Field,
} from './writer.ts';

/** `KV.DeleteRange`. */

const KEY = 0x0a;
const RANGE_END = 0x12;
const PREV_KV = 0x18;

const DELETED = 0x10;
const PREV_KVS = 0x1a;

/** Throws WireError. The request's bytes are views. */
export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRangeRequest(new Reader(bytes));
}

function emptyDeleteRangeRequest(): DeleteRangeRequest {
  return { key: EMPTY_BYTES, rangeEnd: EMPTY_BYTES, prevKv: false };
}

/** Reads up to the reader's end, into `request`. */
export function readDeleteRangeRequest(
  reader: Reader,
  request = emptyDeleteRangeRequest(),
): DeleteRangeRequest {
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case KEY:
        request.key = reader.view();
        break;
      case RANGE_END:
        request.rangeEnd = reader.view();
        break;
      case PREV_KV:
        request.prevKv = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

export function deleteRangeRequestSize(request: DeleteRangeRequest): number {
  return (
    bytesFieldSize(request.key.length) +
    bytesFieldSize(request.rangeEnd.length) +
    boolFieldSize(request.prevKv)
  );
}

export function writeDeleteRangeRequest(
  target: Uint8Array,
  offset: number,
  request: DeleteRangeRequest,
): number {
  let at = writeBytesField(target, offset, KEY, request.key);
  at = writeBytesField(target, at, RANGE_END, request.rangeEnd);
  return writeBoolField(target, at, PREV_KV, request.prevKv);
}

export function encodeDeleteRangeRequest(request: DeleteRangeRequest): Buffer {
  const target = Buffer.allocUnsafe(deleteRangeRequestSize(request));
  writeDeleteRangeRequest(target, 0, request);
  return target;
}

export function deleteRangeResponseSize(response: DeleteRangeResponse): number {
  return headerFieldSize(response.header) + int64FieldSize(response.deleted) + kvFieldsSize(response.prevKvs);
}

/** Writes a response, whose size the caller knows, behind what the writer has. */
export function appendDeleteRangeResponse(writer: MessageWriter, response: DeleteRangeResponse): void {
  writer.reserve(headerFieldSize(response.header) + int64FieldSize(response.deleted));
  writer.offset = writeHeaderField(writer.target, writer.offset, response.header);
  writer.offset = writeInt64Field(writer.target, writer.offset, DELETED, response.deleted);
  writer.kvFields(PREV_KVS, response.prevKvs);
}

/** The response, at once or while it is sent: the runs must not change until then. */
export function encodeDeleteRangeResponse(response: DeleteRangeResponse): Buffer | LongMessage {
  const writer = new MessageWriter(deleteRangeResponseSize(response));
  appendDeleteRangeResponse(writer, response);
  return writer.finish();
}

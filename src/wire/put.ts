import { EMPTY_BYTES } from '../base/index.ts';
import { headerFieldSize, writeHeaderField } from './header.ts';
import type { PutRequest, PutResponse } from './messages.ts';
import { Reader } from './reader.ts';
import {
  bigFieldSize,
  boolFieldSize,
  bytesFieldSize,
  messageFieldSize,
  writeBigField,
  writeBoolField,
  writeBytesField,
  copyInto,
  writeFrame,
} from './writer.ts';

/** `KV.Put`. */

const KEY = 0x0a;
const VALUE = 0x12;
const LEASE = 0x18;
const PREV_KV = 0x20;
const IGNORE_VALUE = 0x28;
const IGNORE_LEASE = 0x30;

const RESPONSE_PREV_KV = 0x12;

/** Throws WireError. The request's bytes are views. */
export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPutRequest(new Reader(bytes));
}

function emptyPutRequest(): PutRequest {
  return {
    key: EMPTY_BYTES,
    value: EMPTY_BYTES,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

/** Reads up to the reader's end, into `request`. */
export function readPutRequest(reader: Reader, request = emptyPutRequest()): PutRequest {
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case KEY:
        request.key = reader.view();
        break;
      case VALUE:
        request.value = reader.view();
        break;
      case LEASE:
        request.lease = reader.bigInt64();
        break;
      case PREV_KV:
        request.prevKv = reader.bool();
        break;
      case IGNORE_VALUE:
        request.ignoreValue = reader.bool();
        break;
      case IGNORE_LEASE:
        request.ignoreLease = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

export function putRequestSize(request: PutRequest): number {
  return (
    bytesFieldSize(request.key.length) +
    bytesFieldSize(request.value.length) +
    bigFieldSize(request.lease) +
    boolFieldSize(request.prevKv) +
    boolFieldSize(request.ignoreValue) +
    boolFieldSize(request.ignoreLease)
  );
}

export function writePutRequest(target: Uint8Array, offset: number, request: PutRequest): number {
  let at = writeBytesField(target, offset, KEY, request.key);
  at = writeBytesField(target, at, VALUE, request.value);
  at = writeBigField(target, at, LEASE, request.lease);
  at = writeBoolField(target, at, PREV_KV, request.prevKv);
  at = writeBoolField(target, at, IGNORE_VALUE, request.ignoreValue);
  return writeBoolField(target, at, IGNORE_LEASE, request.ignoreLease);
}

export function encodePutRequest(request: PutRequest): Buffer {
  const target = Buffer.allocUnsafe(putRequestSize(request));
  writePutRequest(target, 0, request);
  return target;
}

export function putResponseSize(response: PutResponse): number {
  const prevKvSize = response.prevKv === undefined ? 0 : messageFieldSize(response.prevKv.length);
  return headerFieldSize(response.header) + prevKvSize;
}

export function writePutResponse(target: Uint8Array, offset: number, response: PutResponse): number {
  const at = writeHeaderField(target, offset, response.header);
  const prevKv = response.prevKv;
  if (prevKv === undefined) return at;
  return copyInto(target, writeFrame(target, at, RESPONSE_PREV_KV, prevKv.length), prevKv, 0, prevKv.length);
}

export function encodePutResponse(response: PutResponse): Buffer {
  const target = Buffer.allocUnsafe(putResponseSize(response));
  writePutResponse(target, 0, response);
  return target;
}

import { headerFieldSize, writeHeaderField } from './header.ts';
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
} from './messages.ts';
import { Reader } from './reader.ts';
import {
  bigFieldSize,
  boolFieldSize,
  bytesFieldSize,
  int64FieldSize,
  writeBigField,
  writeBoolField,
  writeBytesField,
  writeInt64Field,
} from './writer.ts';

/** The Lease service, but for what `LeaseTimeToLive` and `LeaseLeases` answer, which are cold messages. */

const GRANT_TTL = 0x08;
const GRANT_ID = 0x10;
const ID = 0x08;
const TIME_TO_LIVE_KEYS = 0x10;

const RESPONSE_ID = 0x10;
const RESPONSE_TTL = 0x18;
const RESPONSE_ERROR = 0x22;

/** Throws WireError. */
export function decodeLeaseGrantRequest(bytes: Uint8Array): LeaseGrantRequest {
  const reader = new Reader(bytes);
  const request: LeaseGrantRequest = { ttl: 0, id: 0n };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === GRANT_TTL) request.ttl = reader.int64();
    else if (tag === GRANT_ID) request.id = reader.bigInt64();
    else reader.skip(tag);
  }
  return request;
}

/** Throws WireError. */
export function decodeLeaseRevokeRequest(bytes: Uint8Array): LeaseRevokeRequest {
  return { id: readOnlyId(bytes) };
}

/** Throws WireError. */
export function decodeLeaseKeepAliveRequest(bytes: Uint8Array): LeaseKeepAliveRequest {
  return { id: readOnlyId(bytes) };
}

function readOnlyId(bytes: Uint8Array): bigint {
  const reader = new Reader(bytes);
  let id = 0n;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === ID) id = reader.bigInt64();
    else reader.skip(tag);
  }
  return id;
}

/** Throws WireError. */
export function decodeLeaseTimeToLiveRequest(bytes: Uint8Array): LeaseTimeToLiveRequest {
  const reader = new Reader(bytes);
  const request: LeaseTimeToLiveRequest = { id: 0n, keys: false };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === ID) request.id = reader.bigInt64();
    else if (tag === TIME_TO_LIVE_KEYS) request.keys = reader.bool();
    else reader.skip(tag);
  }
  return request;
}

export function encodeLeaseGrantRequest(request: LeaseGrantRequest): Buffer {
  const target = Buffer.allocUnsafe(int64FieldSize(request.ttl) + bigFieldSize(request.id));
  writeBigField(target, writeInt64Field(target, 0, GRANT_TTL, request.ttl), GRANT_ID, request.id);
  return target;
}

/** Also encodes a `LeaseRevokeRequest`: they have the same form. */
export function encodeLeaseKeepAliveRequest(request: LeaseKeepAliveRequest): Buffer {
  const target = Buffer.allocUnsafe(bigFieldSize(request.id));
  writeBigField(target, 0, ID, request.id);
  return target;
}

export function encodeLeaseTimeToLiveRequest(request: LeaseTimeToLiveRequest): Buffer {
  const target = Buffer.allocUnsafe(bigFieldSize(request.id) + boolFieldSize(request.keys));
  writeBoolField(target, writeBigField(target, 0, ID, request.id), TIME_TO_LIVE_KEYS, request.keys);
  return target;
}

export function encodeLeaseGrantResponse(response: LeaseGrantResponse): Buffer {
  const error = Buffer.from(response.error);
  const size =
    headerFieldSize(response.header) +
    bigFieldSize(response.id) +
    int64FieldSize(response.ttl) +
    bytesFieldSize(error.length);
  const target = Buffer.allocUnsafe(size);
  let at = writeHeaderField(target, 0, response.header);
  at = writeBigField(target, at, RESPONSE_ID, response.id);
  at = writeInt64Field(target, at, RESPONSE_TTL, response.ttl);
  writeBytesField(target, at, RESPONSE_ERROR, error);
  return target;
}

export function encodeLeaseKeepAliveResponse(response: LeaseKeepAliveResponse): Buffer {
  const size = headerFieldSize(response.header) + bigFieldSize(response.id) + int64FieldSize(response.ttl);
  const target = Buffer.allocUnsafe(size);
  let at = writeHeaderField(target, 0, response.header);
  at = writeBigField(target, at, RESPONSE_ID, response.id);
  writeInt64Field(target, at, RESPONSE_TTL, response.ttl);
  return target;
}

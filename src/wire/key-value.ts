import { EMPTY_BYTES } from '../base/index.ts';
import type { KeyValue } from './messages.ts';
import { Reader } from './reader.ts';
import {
  bigFieldSize,
  bytesFieldSize,
  int64FieldSize,
  writeBigField,
  writeBytesField,
  writeInt64Field,
} from './writer.ts';

/**
 * `mvccpb.KeyValue`: the bytes that chunks store, segments hold and responses are made of. The encoders write the fields
 * in number order and omit zeros, as etcd does, so that hashes over them agree with etcd's.
 *
 * The views (`keyOffset`, `modRevision`, ...) read single fields in place. They take `bytes, offset, length`, the run of
 * one key-value, and trust it: it must come from these encoders, in this process or under a verified checksum. For bytes
 * from strangers use `decodeKeyValue`.
 */

const KEY = 0x0a;
const CREATE_REVISION = 0x10;
const MOD_REVISION = 0x18;
const VERSION = 0x20;
const VALUE = 0x2a;
const LEASE = 0x30;

export function keyValueSize(
  keyBytes: number,
  createRevision: number,
  modRevision: number,
  version: number,
  valueBytes: number,
  lease: bigint,
): number {
  return (
    bytesFieldSize(keyBytes) +
    int64FieldSize(createRevision) +
    int64FieldSize(modRevision) +
    int64FieldSize(version) +
    bytesFieldSize(valueBytes) +
    bigFieldSize(lease)
  );
}

/** Writes a put's key-value; returns the offset behind it, `keyValueSize` bytes on. */
export function writeKeyValue(
  target: Uint8Array,
  offset: number,
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): number {
  let at = writeBytesField(target, offset, KEY, key);
  at = writeInt64Field(target, at, CREATE_REVISION, createRevision);
  at = writeInt64Field(target, at, MOD_REVISION, modRevision);
  at = writeInt64Field(target, at, VERSION, version);
  at = writeBytesField(target, at, VALUE, value);
  return writeBigField(target, at, LEASE, lease);
}

/** Size of a tombstone: the key and the revision of its deletion, all that a DELETE event carries. */
export function tombstoneSize(keyBytes: number, modRevision: number): number {
  return bytesFieldSize(keyBytes) + int64FieldSize(modRevision);
}

export function writeTombstone(
  target: Uint8Array,
  offset: number,
  key: Uint8Array,
  modRevision: number,
): number {
  return writeInt64Field(target, writeBytesField(target, offset, KEY, key), MOD_REVISION, modRevision);
}

export function encodeKeyValue(kv: KeyValue): Buffer {
  const { key, createRevision, modRevision, version, value, lease } = kv;
  const size = keyValueSize(key.length, createRevision, modRevision, version, value.length, lease);
  const target = Buffer.allocUnsafe(size);
  writeKeyValue(target, 0, key, createRevision, modRevision, version, value, lease);
  return target;
}

/** Reads a key-value that may come from anywhere. Throws WireError. Its bytes are views. */
export function decodeKeyValue(bytes: Uint8Array): KeyValue {
  const reader = new Reader(bytes);
  const kv: KeyValue = {
    key: EMPTY_BYTES,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    value: EMPTY_BYTES,
    lease: 0n,
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case KEY:
        kv.key = reader.view();
        break;
      case CREATE_REVISION:
        kv.createRevision = reader.int64();
        break;
      case MOD_REVISION:
        kv.modRevision = reader.int64();
        break;
      case VERSION:
        kv.version = reader.int64();
        break;
      case VALUE:
        kv.value = reader.view();
        break;
      case LEASE:
        kv.lease = reader.bigInt64();
        break;
      default:
        reader.skip(tag);
    }
  }
  return kv;
}

/** Where the key's bytes begin. */
export function keyOffset(bytes: Uint8Array, offset: number): number {
  return bytes[offset] === KEY ? skipVarint(bytes, offset + 1) : offset;
}

/** How many bytes the key has. */
export function keyLength(bytes: Uint8Array, offset: number): number {
  return bytes[offset] === KEY ? readVarint(bytes, offset + 1) : 0;
}

/** The key as a view. */
export function keyView(bytes: Uint8Array, offset: number): Uint8Array {
  const start = keyOffset(bytes, offset);
  return bytes.subarray(start, start + keyLength(bytes, offset));
}

export function createRevision(bytes: Uint8Array, offset: number, length: number): number {
  return numberAt(bytes, findField(bytes, offset, offset + length, CREATE_REVISION));
}

export function modRevision(bytes: Uint8Array, offset: number, length: number): number {
  return numberAt(bytes, findField(bytes, offset, offset + length, MOD_REVISION));
}

export function version(bytes: Uint8Array, offset: number, length: number): number {
  return numberAt(bytes, findField(bytes, offset, offset + length, VERSION));
}

export function lease(bytes: Uint8Array, offset: number, length: number): bigint {
  const at = findField(bytes, offset, offset + length, LEASE);
  if (at < 0) return 0n;
  const reader = new Reader(bytes);
  reader.position = at;
  return reader.bigInt64();
}

/** Where the value's bytes begin; the end of the key-value when it is empty. */
export function valueOffset(bytes: Uint8Array, offset: number, length: number): number {
  const at = findField(bytes, offset, offset + length, VALUE);
  return at < 0 ? offset + length : skipVarint(bytes, at);
}

export function valueLength(bytes: Uint8Array, offset: number, length: number): number {
  return numberAt(bytes, findField(bytes, offset, offset + length, VALUE));
}

/** The value as a view. */
export function valueView(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const at = findField(bytes, offset, offset + length, VALUE);
  if (at < 0) return EMPTY_BYTES;
  const start = skipVarint(bytes, at);
  return bytes.subarray(start, start + readVarint(bytes, at));
}

/**
 * Length of the part of a key-value before its value and lease: a key-value by itself, and what etcd 3.7 answers to
 * `keys_only`. So a list of keys needs no bytes of its own.
 */
export function keysOnlyLength(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let at = offset;
  while (at < end && bytes[at]! < VALUE) at = skipField(bytes, at);
  return at - offset;
}

/** Position behind the tag of a field; -1 when it is absent. Fields are in the order of their tags. */
function findField(bytes: Uint8Array, offset: number, end: number, tag: number): number {
  let at = offset;
  while (at < end) {
    const found = bytes[at]!;
    if (found === tag) return at + 1;
    if (found > tag) return -1;
    at = skipField(bytes, at);
  }
  return -1;
}

function skipField(bytes: Uint8Array, at: number): number {
  const next = skipVarint(bytes, at + 1);
  return (bytes[at]! & 7) === 2 ? next + readVarint(bytes, at + 1) : next;
}

function skipVarint(bytes: Uint8Array, offset: number): number {
  let at = offset;
  while (bytes[at]! >= 0x80) at++;
  return at + 1;
}

/** A varint that is known to be no greater than 2^53 - 1. */
function readVarint(bytes: Uint8Array, offset: number): number {
  let byte = bytes[offset]!;
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  let at = offset;
  let scale = 0x80;
  do {
    byte = bytes[++at]!;
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
  } while (byte >= 0x80);
  return value;
}

function numberAt(bytes: Uint8Array, at: number): number {
  return at < 0 ? 0 : readVarint(bytes, at);
}

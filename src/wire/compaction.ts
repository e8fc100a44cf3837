import type { CompactionRequest } from './messages.ts';
import { Reader } from './reader.ts';
import { boolFieldSize, int64FieldSize, writeBoolField, writeInt64Field } from './writer.ts';

/** `KV.Compact`. Its response is only a header. */

const REVISION = 0x08;
const PHYSICAL = 0x10;

/** Throws WireError. */
export function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  const reader = new Reader(bytes);
  const request: CompactionRequest = { revision: 0, physical: false };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === REVISION) request.revision = reader.int64();
    else if (tag === PHYSICAL) request.physical = reader.bool();
    else reader.skip(tag);
  }
  return request;
}

export function encodeCompactionRequest(request: CompactionRequest): Buffer {
  const target = Buffer.allocUnsafe(int64FieldSize(request.revision) + boolFieldSize(request.physical));
  const at = writeInt64Field(target, 0, REVISION, request.revision);
  writeBoolField(target, at, PHYSICAL, request.physical);
  return target;
}

import { MESSAGE_HEAD_BYTES } from '../../../test/support/frames.ts';

const HEADER_TAG = 0x0a;
const REVISION_TAG = 0x18;
/** `succeeded` of a TxnResponse. */
const SUCCEEDED_TAG = 0x10;

/** header.revision of an answer to any call, whose body starts at 0; 0 when it has none. */
export function headerRevision(body: Uint8Array, bodyBytes: number): number {
  if (bodyBytes < MESSAGE_HEAD_BYTES + 2 || body[MESSAGE_HEAD_BYTES] !== HEADER_TAG) return 0;
  // A header is shorter than 128 bytes: its length is one byte.
  const start = MESSAGE_HEAD_BYTES + 2;
  const end = start + body[MESSAGE_HEAD_BYTES + 1]!;
  let at = start;
  while (at < end) {
    const tag = body[at++]!;
    let [value, scale, byte] = [0, 1, 0x80];
    while (byte >= 0x80) {
      byte = body[at++]!;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    if (tag === REVISION_TAG) return value;
  }
  return 0;
}

/** Whether the answer to a Txn says that the compares held. */
export function txnSucceeded(body: Uint8Array, bodyBytes: number): boolean {
  const at = MESSAGE_HEAD_BYTES + 2 + body[MESSAGE_HEAD_BYTES + 1]!;
  return at + 1 < bodyBytes && body[at] === SUCCEEDED_TAG && body[at + 1] === 1;
}

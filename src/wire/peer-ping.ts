import type { Bytes } from '../base/index.ts';
import { natural } from './peer-decode.ts';
import { INT_1, PING, PONG } from './peer-tags.ts';
import { Reader } from './reader.ts';
import { int64FieldSize, messageFieldSize, writeFrame, writeInt64Field } from './writer.ts';

/**
 * What either side of a link asks the other one to measure the way, and the answer with the same id. It is for the ends of
 * a link, and no message to who uses it: `decodePeerMessage` takes it for one of no kind, as earlier versions do.
 */
export interface Ping {
  readonly kind: 'ping' | 'pong';
  readonly id: number;
}

export function encodePing({ kind, id }: Ping): Buffer {
  const length = int64FieldSize(id);
  const bytes = Buffer.allocUnsafe(messageFieldSize(length));
  const at = writeFrame(bytes, 0, kind === 'ping' ? PING : PONG, length);
  writeInt64Field(bytes, at, INT_1, id);
  return bytes;
}

/** Undefined: it is another message. Throws WireError. */
export function decodePing(bytes: Bytes): Ping | undefined {
  const [tag] = bytes;
  if (tag !== PING && tag !== PONG) return undefined;
  const reader = new Reader(bytes);
  reader.tag();
  reader.enter();
  let id = 0;
  while (reader.position < reader.end) {
    const field = reader.tag();
    if (field === INT_1) id = natural(reader);
    else reader.skip(field);
  }
  return { kind: tag === PING ? 'ping' : 'pong', id };
}

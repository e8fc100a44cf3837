import type { ByteSource } from '../byte-source.ts';
import type { Message, Slices } from '../service.ts';

/** Length of what precedes each message: a flag and four bytes of length. */
export const prefixBytes = 5;

const scratch = Buffer.alloc(prefixBytes);

/** The prefix of a message, valid until the next call: a stream takes a copy at once. */
export function prefixOf(flag: 0 | 1, length: number): Buffer {
  scratch[0] = flag;
  scratch[1] = length >>> 24;
  scratch[2] = length >>> 16;
  scratch[3] = length >>> 8;
  scratch[4] = length;
  return scratch;
}

/** Length of a message in whatever form. */
export function lengthOf(message: Message): number {
  if (!isSlices(message)) return message.length;
  let length = 0;
  for (let i = 0; i < message.length; i++) length += message[i]!.length;
  return length;
}

export function isSlices(message: Message): message is Slices {
  return Array.isArray(message);
}

export function isSource(message: Message): message is ByteSource {
  return !isSlices(message) && !ArrayBuffer.isView(message);
}

/** The message is not sent. */
export function closeMessage(message: Message): void {
  if (isSource(message)) message.close();
}

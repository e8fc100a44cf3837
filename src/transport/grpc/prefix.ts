import type { Slices } from '../service.ts';

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

/** Length of a message in one part or in several. */
export function lengthOf(message: Uint8Array | Slices): number {
  if (message instanceof Uint8Array) return message.length;
  let length = 0;
  for (let i = 0; i < message.length; i++) length += message[i]!.length;
  return length;
}

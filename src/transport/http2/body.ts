import type { ByteSource } from '../byte-source.ts';
import type { Body } from './handler.ts';

// How a body is told from the others is on the path of every answer: instanceof would walk the prototypes.

export function isSlices(body: Body): body is readonly Uint8Array[] {
  return Array.isArray(body);
}

export function isSource(body: Body): body is ByteSource {
  return !ArrayBuffer.isView(body) && !Array.isArray(body);
}

export function bodyBytes(body: Body): number {
  if (!isSlices(body)) return body.length;
  let bytes = 0;
  for (let at = 0; at < body.length; at++) bytes += body[at]!.length;
  return bytes;
}

/** Copies prefix and body into a block; a source has been read then. */
export function writeBody(block: Buffer, start: number, prefix: Uint8Array, body: Body): void {
  let at = start;
  for (let index = 0; index < prefix.length; index++) block[at++] = prefix[index]!;
  if (isSlices(body)) {
    for (let index = 0; index < body.length; index++) {
      const slice = body[index]!;
      block.set(slice, at);
      at += slice.length;
    }
  } else if (isSource(body)) {
    body.read(block, at, at + body.length);
    body.close();
  } else block.set(body, at);
}

/** The body is not sent. */
export function closeBody(body: Body): void {
  if (isSource(body)) body.close();
}

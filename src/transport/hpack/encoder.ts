import { assert } from '../../base/index.ts';
import { huffmanBytes, huffmanEncode } from './huffman-encode.ts';
import { staticField, staticName } from './static-table.ts';

/**
 * Encodes a header block from fields of the static table and literals that are not indexed. It neither needs nor changes
 * the state of a connection, so that it can be encoded once and sent to everybody at any time.
 *
 * Names are lower case; names and values have one character per octet. Each string takes its shorter form, Huffman code
 * or plain.
 */
export function encodeHeaders(fields: readonly (readonly [string, string])[]): Buffer {
  let bytesMax = 0;
  for (const [name, value] of fields) bytesMax += literalBytesMax(name, value);
  const block = Buffer.allocUnsafe(bytesMax);
  let at = 0;
  for (const [name, value] of fields) at = writeField(block, at, name, value);
  return Buffer.from(block.subarray(0, at));
}

/**
 * The block of no fields that turns the peer's copy of our table off. A peer that lowers SETTINGS_HEADER_TABLE_SIZE
 * below the 4,096 that it starts with expects a change of the table size at the start of the first header block after
 * our acknowledgement (RFC 9113, section 4.3.1): send this right before that block, in the same frame. Our blocks never
 * use the table, so once on a connection is enough.
 */
export const tableOff: Readonly<Buffer> = Buffer.from([0x20]);

/** An integer takes at most six octets here, and there are three at most: a number and two lengths. */
function literalBytesMax(name: string, value: string): number {
  return 18 + name.length + value.length;
}

function writeField(block: Buffer, at: number, name: string, value: string): number {
  const indexed = staticField(name, value);
  if (indexed > 0) return writeInteger(block, at, indexed, 0x80, 0x7f);
  const number = staticName(name);
  const next = writeInteger(block, at, number, 0x00, 0x0f);
  return writeString(block, number > 0 ? next : writeString(block, next, name), value);
}

function writeString(block: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) {
    assert(text.charCodeAt(index) <= 0xff, 'header fields have one character per octet');
  }
  const coded = huffmanBytes(text);
  if (coded < text.length) return huffmanEncode(text, block, writeInteger(block, at, coded, 0x80, 0x7f));
  const start = writeInteger(block, at, text.length, 0x00, 0x7f);
  return start + block.write(text, start, 'latin1');
}

/** Writes an integer after the bits `pattern` of its first octet (RFC 7541, section 5.1). */
function writeInteger(block: Buffer, at: number, value: number, pattern: number, prefixMask: number): number {
  if (value < prefixMask) {
    block[at] = pattern | value;
    return at + 1;
  }
  block[at] = pattern | prefixMask;
  let rest = value - prefixMask;
  let position = at + 1;
  for (; rest >= 0x80; rest >>>= 7) block[position++] = (rest & 0x7f) | 0x80;
  block[position++] = rest;
  return position;
}

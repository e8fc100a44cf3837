/** Goal: integers as RFC 7541, section 5.1 and appendix C.1, within bounds; strings never reach beyond their block. */

import { describe, expect, test } from 'vitest';
import { BlockReader } from './block-reader.ts';
import { HpackError } from './errors.ts';

function readInteger(hex: string, prefixMask: number): { value: number; at: number } {
  const bytes = Buffer.from(hex, 'hex');
  const reader = new BlockReader();
  reader.open(bytes, 1, bytes.length);
  return { value: reader.integer(bytes[0]!, prefixMask), at: reader.at };
}

function readString(hex: string, end?: number): string {
  const bytes = Buffer.from(hex, 'hex');
  const reader = new BlockReader();
  reader.open(bytes, 0, end ?? bytes.length);
  return reader.string();
}

describe('integers', () => {
  test.each([
    ['C.1.1: 10 in a prefix of 5 bits', 'ea', 0x1f, 10, 1],
    ['C.1.2: 1337 in a prefix of 5 bits', 'ff9a0a', 0x1f, 1337, 3],
    ['C.1.3: 42 in an octet', '2a', 0xff, 42, 1],
    ['the prefix full, and nothing more', '7f00', 0x7f, 127, 2],
    ['zeros at the end, as section 5.1 allows', '7f808000', 0x7f, 127, 4],
    ['the largest of four octets', '7fffffff7f', 0x7f, 2 ** 28 - 1 + 127, 5],
  ])('%s', (_, hex, prefixMask, value, at) => {
    expect(readInteger(hex, prefixMask)).toEqual({ value, at });
  });

  test.each([
    ['more than four octets', '7fffffffff01'],
    ['five octets, though of zeros', '7f8080808000'],
    ['an end in the middle', '7fff'],
    ['an end after the prefix', '7f'],
  ])('refused: %s', (_, hex) => {
    expect(() => readInteger(hex, 0x7f)).toThrow(HpackError);
  });
});

describe('strings', () => {
  test('plain and in Huffman code', () => {
    expect(readString('03 61 ff 00'.replaceAll(' ', ''))).toBe('a\xff\0');
    expect(readString('8cf1e3c2e5f23a6ba0ab90f4ff')).toBe('www.example.com');
    expect(readString('00')).toBe('');
    expect(readString('80')).toBe('');
  });

  test('that are too long for the reader to put together in one place', () => {
    const plain = Buffer.concat([Buffer.from('7fa11f', 'hex'), Buffer.alloc(4128, 'b')]);
    expect(readString(plain.toString('hex'))).toBe('b'.repeat(4128));
    // Five octets are eight times 'a' (00011).
    const coded = Buffer.concat([Buffer.from('ffa31f', 'hex'), Buffer.alloc(4130, '18c6318c63', 'hex')]);
    expect(readString(coded.toString('hex'))).toBe('a'.repeat(6608));
  });

  test.each([
    ['a string that the block does not hold', '0361', 2],
    ['a string that goes on after the block', '03616263', 3],
    ['no length', '', 0],
    ['a length that is cut off', '7f', 1],
    ['a length of 268 million', '7f80ffff7f00', 6],
    ['what is not Huffman code', '81ff', 2],
  ])('refused: %s', (_, hex, end) => {
    expect(() => readString(hex, end)).toThrow(HpackError);
  });
});

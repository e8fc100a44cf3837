/** Goal: the code is that of RFC 7541, appendix B, and a string that breaks section 5.2 is refused. */

import { describe, expect, test } from 'vitest';
import { codeLengths, codes, END_OF_STRING } from './huffman-code.ts';
import { decodedBytesMax, huffmanDecode } from './huffman-decode.ts';
import { huffmanBytes, huffmanEncode } from './huffman-encode.ts';

function encode(text: string): Buffer {
  const coded = Buffer.alloc(huffmanBytes(text) + 1, 0xaa);
  const end = huffmanEncode(text, coded, 0);
  expect(coded[end]).toBe(0xaa);
  return coded.subarray(0, end);
}

function decode(coded: Uint8Array): string | undefined {
  const target = Buffer.alloc(decodedBytesMax(coded.length));
  const length = huffmanDecode(coded, 0, coded.length, target);
  return length < 0 ? undefined : target.toString('latin1', 0, length);
}

describe('the code', () => {
  test.each([
    [0, 0x1ff8, 13],
    ['0'.charCodeAt(0), 0x0, 5],
    ['a'.charCodeAt(0), 0x3, 5],
    [' '.charCodeAt(0), 0x14, 6],
    ['Z'.charCodeAt(0), 0xfd, 8],
    ['~'.charCodeAt(0), 0x1ffd, 13],
    [0x80, 0xfffe6, 20],
    [0x0a, 0x3ffffffc, 30],
    [0xff, 0x3ffffee, 26],
    [END_OF_STRING, 0x3fffffff, 30],
  ])('of symbol %i is as the appendix has it', (symbol, code, length) => {
    expect([codes[symbol], codeLengths[symbol]]).toEqual([code, length]);
  });

  test('is complete: the codes fill the whole space of 30 bits', () => {
    expect(codeLengths.length).toBe(257);
    expect(codeLengths.reduce((sum, bits) => sum + 2 ** (30 - bits), 0)).toBe(2 ** 30);
  });
});

describe('strings', () => {
  test('of every octet, alone and in company, come back', () => {
    const all = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
    for (const octet of all) {
      expect(decode(encode(octet))).toBe(octet);
      for (const other of ['', 'e', '\xff', octet]) {
        expect(decode(encode(other + octet + other))).toBe(other + octet + other);
      }
    }
    expect(decode(encode(all.join('')))).toBe(all.join(''));
    expect(decode(encode(''))).toBe('');
  });

  test('fill the room that is promised at most', () => {
    expect(decode(encode('a'.repeat(8)))).toBe('a'.repeat(8));
    expect(decodedBytesMax(5)).toBe(8);
  });
});

/** Octets from a text of bits; blanks are for the reader. */
function bits(text: string): Buffer {
  const all = text.replaceAll(' ', '');
  return Buffer.from(all.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? []);
}

describe('padding', () => {
  test.each([
    ['one bit', '1011100 1', ':'],
    ['three bits', '00011 111', 'a'],
    ['none', '11111000', '&'],
  ])('of %s', (_, text, expected) => {
    expect(decode(bits(text))).toBe(expected);
  });

  test('of seven bits, which is the most', () => {
    expect(codeLengths[0xc7]).toBe(25);
    const coded = encode('\xc7');
    expect(coded.at(-1)! & 0x7f).toBe(0x7f);
    expect(decode(coded)).toBe('\xc7');
  });

  test.each([
    ['with zeros', '00011 000'],
    ['with a zero among ones', '00011 101'],
    ['of eleven bits', '00011 111 11111111'],
    ['of an octet, and nothing else', '11111111'],
    ['that is the whole end of the string', '11111111 11111111 11111111 11111111'],
    ['and then more', '00011 111 11111111 11111111 11111111 111 00011'],
  ])('%s is refused', (_, text) => {
    expect(decode(bits(text))).toBeUndefined();
  });
});

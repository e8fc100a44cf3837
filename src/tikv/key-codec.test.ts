import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { TikvError } from './errors.ts';
import { decodeBound, decodeKey, encodeBound, encodedLength, encodeKey } from './key-codec.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const key = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
/** Keys that differ late, in padding and at the ends of groups. */
const near = fc
  .array(fc.constantFrom(0x00, 0x01, 0xff), { maxLength: 18 })
  .map((bytes) => Buffer.from(bytes));

describe('encoded keys', () => {
  // The examples of client-go, util/codec/bytes.go.
  test.each([
    ['', '00 00 00 00 00 00 00 00 f7'],
    ['01 02 03', '01 02 03 00 00 00 00 00 fa'],
    ['01 02 03 00', '01 02 03 00 00 00 00 00 fb'],
    ['01 02 03 04 05 06 07 08', '01 02 03 04 05 06 07 08 ff 00 00 00 00 00 00 00 00 f7'],
  ])('%s is %s', (raw, encoded) => {
    expect(encodeKey(hex(raw))).toEqual(hex(encoded));
    expect(decodeKey(hex(encoded))).toEqual(hex(raw));
  });

  property.prop([key])('go there and back', (raw) => {
    const encoded = encodeKey(raw);
    expect(encoded).toHaveLength(encodedLength(raw.length));
    expect(decodeKey(encoded)).toEqual(raw);
  });

  property.prop([fc.oneof(key, near), fc.oneof(key, near)])('are in the order of the raw ones', (a, b) => {
    expect(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b)))).toBe(Math.sign(Buffer.compare(a, b)));
  });

  property.prop([fc.uint8Array({ maxLength: 30 })])('anything else is refused', (bytes) => {
    let raw: Buffer;
    try {
      raw = decodeKey(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(TikvError);
      expect(error).toMatchObject({ code: 'protocol' });
      return;
    }
    expect(encodeKey(raw)).toEqual(Buffer.from(bytes));
  });

  test.each([
    ['nothing', ''],
    ['cut off', '01 02 03 00 00 00 00 00'],
    ['no last group', '01 02 03 04 05 06 07 08 ff'],
    ['padding that is not zero', '01 02 03 00 00 00 00 01 fa'],
    ['a marker that is none', '01 02 03 00 00 00 00 00 f6'],
    ['more behind the last group', '01 02 03 00 00 00 00 00 fa 00'],
  ])('refused: %s', (_, encoded) => {
    expect(() => decodeKey(hex(encoded))).toThrow(TikvError);
  });

  test('a bound that is empty stays empty', () => {
    expect(encodeBound(Buffer.alloc(0))).toHaveLength(0);
    expect(decodeBound(Buffer.alloc(0))).toHaveLength(0);
    expect(decodeBound(encodeBound(Buffer.from('a')))).toEqual(Buffer.from('a'));
  });
});

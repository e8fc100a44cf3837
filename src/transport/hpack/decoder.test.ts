/**
 * Goal: blocks are decoded as RFC 7541 has it, with the examples of its appendix C as facts, and no block costs more
 * than its length and the limits allow.
 */

import { describe, expect, test } from 'vitest';
import { HpackDecoder } from './decoder.ts';
import { encodeHeaders } from './encoder.ts';
import { HpackError } from './errors.ts';

const options = { tableBytesMax: 4096, listBytesMax: 16 * 1024 };

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

function decode(decoder: HpackDecoder, hex: string): readonly string[] | 'tooLarge' {
  const block = bytes(hex);
  return decoder.decode(block, 0, block.length);
}

/** The dynamic table, newest first, seen through blocks of one indexed field each. */
function table(decoder: HpackDecoder): string[] {
  const entries: string[] = [];
  for (let number = 62; number < 127; number++) {
    try {
      entries.push([...decoder.decode(Buffer.from([0x80 | number]), 0, 1)].join(': '));
    } catch (error) {
      expect(error).toBeInstanceOf(HpackError);
      break;
    }
  }
  return entries;
}

/** A literal that is added to the table, with lengths below 127. */
function added(name: string, value: string): string {
  const head = Buffer.from([0x40, name.length, ...Buffer.from(name), value.length]);
  return head.toString('hex') + Buffer.from(value).toString('hex');
}

const request = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const secure = [
  ':method',
  'GET',
  ':scheme',
  'https',
  ':path',
  '/index.html',
  ':authority',
  'www.example.com',
];

describe('the examples of appendix C', () => {
  test.each([
    ['C.2.1: a literal that is added', '400a637573746f6d2d6b65790d637573746f6d2d686561646572', 1],
    ['C.2.2: a literal that is not', '040c2f73616d706c652f70617468', 0],
    ['C.2.3: a literal that never is', '100870617373776f726406736563726574', 0],
    ['C.2.4: an indexed field', '82', 0],
  ])('%s', (_, hex, entries) => {
    const expected = {
      '40': ['custom-key', 'custom-header'],
      '04': [':path', '/sample/path'],
      '10': ['password', 'secret'],
      '82': [':method', 'GET'],
    };
    const decoder = new HpackDecoder(options);
    expect(decode(decoder, hex)).toEqual(expected[hex.slice(0, 2) as keyof typeof expected]);
    expect(table(decoder)).toHaveLength(entries);
  });

  test.each([
    [
      'C.3: requests without Huffman code',
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      'C.4: requests with Huffman code',
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])('%s', (_, first, second, third) => {
    const decoder = new HpackDecoder(options);
    expect(decode(decoder, first)).toEqual(request);
    expect(table(decoder)).toEqual([':authority: www.example.com']);
    expect(decode(decoder, second)).toEqual([...request, 'cache-control', 'no-cache']);
    expect(table(decoder)).toEqual(['cache-control: no-cache', ':authority: www.example.com']);
    expect(decode(decoder, third)).toEqual([...secure, 'custom-key', 'custom-value']);
    expect(table(decoder)).toEqual([
      'custom-key: custom-value',
      'cache-control: no-cache',
      ':authority: www.example.com',
    ]);
  });

  const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
  const later = 'Mon, 21 Oct 2013 20:13:22 GMT';
  const location = 'https://www.example.com';
  const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';

  test.each([
    [
      'C.5: responses without Huffman code',
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ],
    [
      'C.6: responses with Huffman code',
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
  ])('%s, with a table of 256 bytes that evicts', (_, first, second, third) => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 256 });
    const rest = ['cache-control', 'private', 'date', date, 'location', location];
    expect(decode(decoder, first)).toEqual([':status', '302', ...rest]);
    expect(decode(decoder, second)).toEqual([':status', '307', ...rest]);
    expect(table(decoder)).toEqual([
      ':status: 307',
      `location: ${location}`,
      `date: ${date}`,
      'cache-control: private',
    ]);
    const end = ['location', location, 'content-encoding', 'gzip', 'set-cookie', cookie];
    expect(decode(decoder, third)).toEqual([
      ':status',
      '200',
      'cache-control',
      'private',
      'date',
      later,
      ...end,
    ]);
    expect(table(decoder)).toEqual([`set-cookie: ${cookie}`, 'content-encoding: gzip', `date: ${later}`]);
  });
});

describe('the table', () => {
  test('is emptied by a field that is larger than it, which is still a field of the list', () => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 64 });
    decode(decoder, added('a', 'b'));
    expect(decode(decoder, added('name', 'v'.repeat(40)))).toEqual(['name', 'v'.repeat(40)]);
    expect(table(decoder)).toEqual([]);
  });

  test('gives the name to a field that evicts the entry of that name', () => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 64 });
    decode(decoder, added('name', 'v'.repeat(28)));
    expect(decode(decoder, `7e ${Buffer.from('\x03new').toString('hex')}`)).toEqual(['name', 'new']);
    expect(table(decoder)).toEqual(['name: new']);
  });

  test('holds what fits to the byte', () => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 100 });
    for (const value of ['1', '2', '3']) decode(decoder, added('n', value));
    expect(table(decoder)).toEqual(['n: 3', 'n: 2']);
    decode(decoder, added('n', '4'.repeat(33)));
    expect(table(decoder)).toEqual([`n: ${'4'.repeat(33)}`, 'n: 3']);
    decode(decoder, added('n', '5'.repeat(67)));
    expect(table(decoder)).toEqual([`n: ${'5'.repeat(67)}`]);
  });

  test('of no bytes holds nothing', () => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 0 });
    expect(decode(decoder, added('n', ''))).toEqual(['n', '']);
    expect(table(decoder)).toEqual([]);
  });

  test('changes its size at the start of a block, twice if need be', () => {
    const decoder = new HpackDecoder(options);
    for (const value of ['1', '2', '3']) decode(decoder, added('n', value));
    expect(decode(decoder, '3f 25 82')).toEqual([':method', 'GET']);
    expect(table(decoder)).toEqual(['n: 3', 'n: 2']);
    expect(decode(decoder, '20 3f e1 1f')).toEqual([]);
    expect(table(decoder)).toEqual([]);
    decode(decoder, added('n', '4'));
    expect(table(decoder)).toEqual(['n: 4']);
  });
});

describe('refused (each ends the connection)', () => {
  test.each([
    ['number 0', '80'],
    ['a number beyond both tables', 'be'],
    ['the name of a number beyond both tables', '7e 01 61'],
    ['the same for one that is not added', '0f 2f 01 61'],
    ['a table that is larger than was allowed', '3f e2 1f'],
    ['a change of the table size after a field', '82 20 00 00'],
    ['a literal without a name', '40'],
    ['a literal without a value', '40 01 61'],
    ['a name that is cut off', '00 05 61'],
    ['a value that is cut off', '04 05 61'],
    ['padding of zeros', '04 81 18'],
  ])('%s', (_, hex) => {
    expect(() => decode(new HpackDecoder(options), hex)).toThrow(HpackError);
  });

  test('the error has a code', () => {
    expect(() => decode(new HpackDecoder(options), '80')).toThrow(
      expect.objectContaining({ code: 'compression' }),
    );
  });
});

describe('a list that is too large', () => {
  test('is counted with 32 bytes for each field, to the byte', () => {
    const decoder = new HpackDecoder({ ...options, listBytesMax: 68 });
    expect(decode(decoder, `${added('n', '1')} ${added('n', '2')}`)).toHaveLength(4);
    expect(decode(decoder, `${added('n', '1')} ${added('n', '22')}`)).toBe('tooLarge');
  });

  test('changes the table all the same', () => {
    const decoder = new HpackDecoder({ ...options, listBytesMax: 60 });
    expect(decode(decoder, added('a', 'b'.repeat(50)) + added('c', 'd'))).toBe('tooLarge');
    expect(decode(decoder, 'be')).toEqual(['c', 'd']);
  });

  test('is still judged to its end', () => {
    const decoder = new HpackDecoder({ ...options, listBytesMax: 60 });
    expect(() => decode(decoder, `${added('a', 'b'.repeat(50))} 80`)).toThrow(HpackError);
  });

  test('a small block that names a large entry again and again keeps no more than is allowed', () => {
    const decoder = new HpackDecoder(options);
    const entry = Buffer.concat([bytes('40 01 61 7f a1 1e'), Buffer.alloc(4000, 'x')]);
    expect(decoder.decode(entry, 0, entry.length)).toEqual(['a', 'x'.repeat(4000)]);
    const bomb = Buffer.alloc(60_000, 0xbe);
    expect(decoder.decode(bomb, 0, 4)).toHaveLength(8);
    const start = process.cpuUsage();
    for (let round = 0; round < 20; round++) expect(decoder.decode(bomb, 0, bomb.length)).toBe('tooLarge');
    // A million references: a tenth of a second. Work that grew with their square, or with their bytes, would take
    // minutes. What others do on the machine is not counted.
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(10);
  });
});

describe('the cache of blocks', () => {
  test('gives the same array for the same octets while the table stays as it is', () => {
    const decoder = new HpackDecoder(options);
    decode(decoder, added('n', '1'));
    const fields = decode(decoder, '82 be');
    expect(decode(decoder, '82 be')).toBe(fields);
    expect(decode(decoder, '83 be')).not.toBe(fields);
    expect(decode(decoder, '82 be')).toBe(fields);
    expect(Object.isFrozen(fields)).toBe(true);
  });

  test.each([
    ['a field is added', added('n', '2'), ['n', '2']],
    ['a field empties the table', '20', undefined],
  ])('forgets when %s', (_, change, expected) => {
    const decoder = new HpackDecoder(options);
    decode(decoder, added('n', '1'));
    expect(decode(decoder, 'be')).toEqual(['n', '1']);
    decode(decoder, change);
    if (expected === undefined) expect(() => decode(decoder, 'be')).toThrow(HpackError);
    else expect(decode(decoder, 'be')).toEqual(expected);
  });

  test('does not depend on what happens to the block afterwards', () => {
    const decoder = new HpackDecoder(options);
    const block = bytes('8286');
    decoder.decode(block, 0, 2);
    block.fill(0x84);
    expect(decoder.decode(block, 0, 2)).toEqual([':path', '/', ':path', '/']);
    expect(decode(decoder, '8286')).toEqual([':method', 'GET', ':scheme', 'http']);
  });

  test('decodes from the middle of a buffer', () => {
    const block = bytes('ffff8286ffff');
    const decoder = new HpackDecoder(options);
    for (let round = 0; round < 2; round++) {
      expect(decoder.decode(block, 2, 4)).toEqual([':method', 'GET', ':scheme', 'http']);
    }
    expect(decoder.decode(new Uint8Array(block), 2, 3)).toEqual([':method', 'GET']);
  });
});

describe('our own blocks', () => {
  const fields = [
    [':status', '200'],
    [':status', '418'],
    ['content-type', 'application/grpc'],
    ['grpc-message', 'a%20b \xe9'],
    ['x', ''],
    ['long', '~'.repeat(300)],
  ] as const;

  test('come back, and leave the table alone', () => {
    const decoder = new HpackDecoder({ ...options, tableBytesMax: 0 });
    const block = encodeHeaders(fields);
    expect(decoder.decode(block, 0, block.length)).toEqual(fields.flat());
    expect(decoder.decode(block, 0, block.length)).toEqual(fields.flat());
  });

  test('are short: numbers where there are any, and the shorter form of a string', () => {
    expect(encodeHeaders([[':status', '200']]).toString('hex')).toBe('88');
    expect(encodeHeaders([[':status', '302']]).toString('hex')).toBe('08826402');
    expect(encodeHeaders([['~', '~~']]).toString('hex')).toBe('00017e027e7e');
    expect(encodeHeaders([])).toHaveLength(0);
  });

  test('cannot hold what is no octet', () => {
    expect(() => encodeHeaders([['name', '\u0100']])).toThrow('one character per octet');
  });
});

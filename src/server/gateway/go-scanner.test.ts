/** Goal: JSON is refused where Go refuses it, in the same words. The expectations are what etcd 3.7.3 answered. */
import { describe, expect, test } from 'vitest';
import { GoScanner, jsonDepthMax, jsonTokensMax, scanLikeGo } from './go-scanner.ts';

describe('a problem', () => {
  test.each([
    ['x', "invalid character 'x' looking for beginning of value"],
    ['{"a"', 'unexpected EOF'],
    ['{', 'unexpected EOF'],
    ['[1,', 'unexpected EOF'],
    ['"\\u12', 'unexpected EOF'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e+}', "invalid character '}' in exponent of numeric literal"],
    ['{"a":tru3}', "invalid character '3' in literal true (expecting 'e')"],
    ['{"a":nulL}', "invalid character 'L' in literal null (expecting 'l')"],
    ['{"a":falsy}', "invalid character 'y' in literal false (expecting 'e')"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"\n"', "invalid character '\\n' in string literal"],
    ['"\x01"', "invalid character '\\x01' in string literal"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['\\', "invalid character '\\\\' looking for beginning of value"],
    ['\xe9', "invalid character 'é' looking for beginning of value"],
    ['\x85', "invalid character '\\u0085' looking for beginning of value"],
    ['\x7f', "invalid character '\\x7f' looking for beginning of value"],
  ])('of %j', (text, problem) => {
    expect(scanLikeGo(text, 0)).toEqual({ problem });
  });

  test('is an array in an array too many', () => {
    expect(scanLikeGo('['.repeat(jsonDepthMax + 1), 0)).toEqual({
      problem: "invalid character '[' exceeded max depth",
    });
    const deep = '['.repeat(jsonDepthMax) + ']'.repeat(jsonDepthMax);
    expect(scanLikeGo(deep, 0)).toEqual({ end: deep.length });
  });
});

test.each([
  ['{}x', 2],
  [' {"a":[{},[],{"b":-0.5e-7}],"c":"\\u00e9\\n"} {}', 43],
  ['12x', 2],
  ['"a"b', 3],
  ['truex', 4],
])('%j ends where its first value does', (text, end) => {
  expect(scanLikeGo(text, 0)).toEqual({ end });
});

test('nothing but space is nothing', () => {
  expect(scanLikeGo(' \t\r\n', 0)).toBeUndefined();
  expect(scanLikeGo('{} ', 2)).toBeUndefined();
});

describe('a value that comes bit by bit', () => {
  test.each([
    ' {"a":[{},[],{"b":-0.5e-7,"c":[1,2.5,0,-3E+4,true,false,null]}],"c":"\\u00e9\\n\\"}"} {}',
    '{"a":tru3}',
    '{"a":01}',
    '"\\u00g0"',
    '[1 2]',
    '12 ',
    '-x',
    '{"a":1e+}',
  ])('%j is scanned as if it came at once, wherever it is cut', (text) => {
    const whole = scanLikeGo(text, 0);
    const bytes = Buffer.from(text, 'latin1');
    const end = typeof whole === 'object' && 'end' in whole ? whole.end : bytes.length;
    const scanner = new GoScanner();
    for (let length = 0; length <= bytes.length; length++) {
      const scanned = scanner.scan(bytes.subarray(0, length), length === bytes.length);
      expect(scanner.hasBegun).toBe(bytes.subarray(0, length).some((byte) => byte > 0x20));
      if (scanned === 'more') continue;
      expect(scanned).toEqual(whole);
      if ('end' in (whole as object)) expect(length).toBeLessThanOrEqual(end + 1);
      return;
    }
    expect.unreachable('a scan to the end has a result');
  });

  test('is known to be wrong as soon as it is', () => {
    const scanner = new GoScanner();
    expect(scanner.scan(Buffer.from('n'), false)).toBe('more');
    expect(scanner.scan(Buffer.from('no'), false)).toEqual({
      problem: "invalid character 'o' in literal null (expecting 'u')",
    });
  });

  test('is read once: a long one in many parts takes the time of its bytes', () => {
    const bytes = Buffer.from(`["${'x'.repeat(4_000_000)}"]`);
    const scanner = new GoScanner();
    const startMs = performance.now();
    for (let length = 1; length < bytes.length; length += 100) {
      expect(scanner.scan(bytes.subarray(0, length), false) === 'more').toBe(true);
    }
    expect(scanner.scan(bytes, false)).toEqual({ end: bytes.length });
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(new GoScanner().scan(Buffer.from(`[${'1,'.repeat(jsonTokensMax)}1]`), true)).toBe('tooMany');
  });
});

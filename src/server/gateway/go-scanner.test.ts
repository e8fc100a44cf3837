/** Goal: JSON is refused where Go refuses it, in the same words. The expectations are what etcd 3.7.3 answered. */
import { describe, expect, test } from 'vitest';
import { jsonDepthMax, scanLikeGo } from './go-scanner.ts';

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

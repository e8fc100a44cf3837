/** Goal: numbers, bytes and times are read as Go reads them. The expectations are what etcd 3.7.3 made of them. */
import { describe, expect, test } from 'vitest';
import { base64Bytes } from './json-base64.ts';
import { fits, integerInString, integerOf } from './json-integers.ts';
import { parseTimeoutMs } from './timeout.ts';

test.each([
  ['0', 0n],
  ['-0.0e5', 0n],
  ['1e2', 100n],
  ['12.50e1', 125n],
  ['10e-1', 1n],
  ['-7', -7n],
  ['18446744073709551615', 18446744073709551615n],
  ['1e19', 10n ** 19n],
  ['1e20', undefined],
  ['1e400', undefined],
  ['1.5', undefined],
  ['1.25e1', undefined],
  ['1e-1', undefined],
  ['5e-1', undefined],
  ['1e99999999999', undefined],
])('the number %s', (text, value) => {
  expect(integerOf(text)).toBe(value);
});

test.each([
  ['5', 5n],
  ['5,6', 5n],
  ['5 6', 5n],
  ['1e=2', 1n],
  ['1e', undefined],
  ['1e+=', undefined],
  [' 5', undefined],
  ['5\n', undefined],
  ['5x', undefined],
  ['05', undefined],
  ['+5', undefined],
  ['', undefined],
])('the string %j as a number', (text, value) => {
  expect(integerInString(text)).toBe(value);
});

test('limits of 32 and 64 bits', () => {
  expect(fits(2n ** 63n - 1n, 64, true)).toBe(true);
  expect(fits(2n ** 63n, 64, true)).toBe(false);
  expect(fits(-(2n ** 63n), 64, true)).toBe(true);
  expect(fits(2n ** 64n - 1n, 64, false)).toBe(true);
  expect(fits(-1n, 64, false)).toBe(false);
  expect(fits(2n ** 31n, 32, true)).toBe(false);
});

describe('base64', () => {
  test.each([
    ['', ''],
    ['YQ==', '61'],
    ['YQ', '61'],
    ['YWI=', '6162'],
    ['-_8=', 'fbff'],
    ['-_8', 'fbff'],
    ['+/8=', 'fbff'],
    ['YWI\nYWI=', undefined],
    ['YQ=\n=', undefined],
    ['YW\nJj\r\nYWJ\nj', '616263616263'],
    ['YQ=', undefined],
    ['YQ===', undefined],
    ['Y', undefined],
    ['====', undefined],
    ['=', undefined],
    ['Y=Q=', undefined],
    ['+_8=', undefined],
    ['YQ ==', undefined],
    ['é', undefined],
  ])('%j', (text, hex) => {
    expect(base64Bytes(text)?.toString('hex')).toBe(hex);
  });

  test('of megabytes is no matter', () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024, 'x');
    expect(base64Bytes(bytes.toString('base64'))?.equals(bytes)).toBe(true);
  });
});

test.each([
  ['', Infinity],
  ['0S', Infinity],
  ['1H', 3_600_000],
  ['5S', 5000],
  ['+5m', 5],
  ['-5S', -5000],
  ['1u', 0.001],
  ['S', undefined],
  ['5', undefined],
  ['1.5S', undefined],
  ['5s', undefined],
  ['99999999999999999999S', undefined],
])('the time %j', (text, ms) => {
  expect(parseTimeoutMs(text)).toBe(ms);
});

test('a time beyond 64 bits of nanoseconds is another one, as in Go', () => {
  expect(parseTimeoutMs('99999999999H')).toBeLessThan(0);
});

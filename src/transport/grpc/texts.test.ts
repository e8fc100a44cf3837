/**
 * Goal: the texts that clients compare and log. Method: expectations were taken from gRPC for Go 1.83 (the server of
 * etcd 3.7.3, asked over HTTP/2).
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentEncoded, quoted, textOfHeader } from './go-text.ts';
import { binaryProblem, metadataValue } from './metadata.ts';
import { parseTimeout } from './timeout.ts';
import { Router } from './router.ts';

describe('grpc-timeout', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['10S', 10_000],
    ['1000m', 1000],
    ['1500u', 1.5],
    ['1n', 1e-6],
    ['0n', 0],
    ['99999999H', 99_999_999 * 3_600_000],
  ])('%s', (value, ms) => expect(parseTimeout(value)).toBeCloseTo(ms, 9));

  test.each([
    ['', 'transport: timeout string is too short: ""'],
    ['1', 'transport: timeout string is too short: "1"'],
    ['m', 'transport: timeout string is too short: "m"'],
    ['123456789m', 'transport: timeout string is too long: "123456789m"'],
    ['1x', 'transport: timeout unit is not recognized: "1x"'],
    ['1m ', 'transport: timeout unit is not recognized: "1m "'],
    ['-1m', 'strconv.ParseUint: parsing "-1": invalid syntax'],
    ['+1m', 'strconv.ParseUint: parsing "+1": invalid syntax'],
    ['1.5m', 'strconv.ParseUint: parsing "1.5": invalid syntax'],
    ['1_0m', 'strconv.ParseUint: parsing "1_0": invalid syntax'],
    ['\xe4\xe4m', 'strconv.ParseUint: parsing "\\xe4\\xe4": invalid syntax'],
  ])('%j is malformed', (value, problem) => expect(parseTimeout(value)).toBe(problem));
});

describe('texts', () => {
  test.each([
    ['plain', '"plain"'],
    ['a"b\\c\xe4', '"a\\"b\\\\c\\xe4"'],
    ['\t\x01\x7f', '"\\t\\x01\\x7f"'],
    [Buffer.from('ä€😀').toString('latin1'), '"ä€😀"'],
    [Buffer.from('\u200b\u{e0001}').toString('latin1'), '"\\u200b\\U000e0001"'],
    ['\xed\xa0\x80\xc0\x80', '"\\xed\\xa0\\x80\\xc0\\x80"'],
  ])('%j as Go quotes it', (value, text) => expect(quoted(value)).toBe(text));

  test('of headers are UTF-8, as far as they can be', () => {
    expect(textOfHeader('abc')).toBe('abc');
    expect(textOfHeader('\xc3\xa4\xe4')).toBe('ä\ufffd');
  });

  test('of statuses are percent-encoded, and come back as they were', () => {
    expect(percentEncoded('100 % ~ä\n')).toBe('100 %25 ~%C3%A4%0A');
    expect(percentEncoded('\ud800')).toBe('%EF%BF%BD');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = percentEncoded(text);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeURIComponent(encoded)).toBe(Buffer.from(text).toString());
      }),
    );
  });
});

describe('binary metadata', () => {
  test.each(['', 'AQI=', 'AQI', 'AA==', 'AA', '+/+/', 'AQI,AA==', 'AQI, AA'])('%j is in order', (value) =>
    expect(binaryProblem(value)).toBeUndefined(),
  );

  test.each([
    ['*', 'illegal base64 data at input byte 0'],
    ['A"\xe4', 'illegal base64 data at input byte 1'],
    ['AA-_', 'illegal base64 data at input byte 2'],
    ['AQI,A*', 'illegal base64 data at input byte 5'],
  ])('%j is malformed', (value, problem) => expect(binaryProblem(value)).toBe(problem));

  test('is given as bytes, the first value of several', () => {
    expect(metadataValue('a-bin', 'AQI')).toBe('\x01\x02');
    expect(metadataValue('a-bin', '/w==,AQI')).toBe('\xff');
    expect(metadataValue('a', 'AQI')).toBe('AQI');
  });
});

test.each([
  ['/', 'malformed method name: "/"'],
  ['/a', 'malformed method name: "/a"'],
  ['a/b', 'malformed method name: "a/b"'],
  ['*', 'malformed method name: "*"'],
  ['/a"b', 'malformed method name: "/a\\"b"'],
  ['//', 'unknown service '],
  ['/a/b/c', 'unknown service a/b'],
  ['/\xe4/b', 'unknown service \ufffd'],
  ['/test.Echo/', 'unknown method  for service test.Echo'],
  ['/test.Echo/Echo?x=1', 'unknown method Echo?x=1 for service test.Echo'],
  ['/test.Echo/echo', 'unknown method echo for service test.Echo'],
])('the path %j is answered in the words of Go', (path, message) => {
  const method = { kind: 'unary', handle: () => undefined } as const;
  const router = new Router([{ name: 'test.Echo', methods: { Echo: method } }]);
  expect(router.find('/test.Echo/Echo')?.method).toBe(method);
  expect(router.find(path)).toBeUndefined();
  expect(router.unknown(path)).toEqual({ code: 12, message });
});

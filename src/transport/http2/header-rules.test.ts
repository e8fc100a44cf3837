import { describe, expect, test } from 'vitest';
import { parseRequestHead, trailersProblem } from './header-rules.ts';
import { RequestHead } from './request-head.ts';

const valid = [':method', 'POST', ':scheme', 'http', ':path', '/a.B/C', ':authority', 'host:1'];
const withField = (...fields: string[]): RequestHead | string => parseRequestHead([...valid, ...fields]);
/** The valid head with one pseudo-header replaced, or left out. */
function changed(name: string, value?: string): RequestHead | string {
  const fields = [...valid];
  const at = fields.indexOf(name);
  if (value === undefined) fields.splice(at, 2);
  else fields[at + 1] = value;
  return parseRequestHead(fields);
}

describe('a valid head', () => {
  test('has its parts', () => {
    expect(withField('te', 'trailers', 'content-length', '12', 'x', '1', 'x', '2')).toMatchObject({
      method: 'POST',
      scheme: 'http',
      path: '/a.B/C',
      authority: 'host:1',
      contentLength: 12,
      isGrpc: false,
    });
  });

  test('gives the first value of a header', () => {
    const head = withField('x', '1', 'x', '2');
    expect(head).toBeInstanceOf(RequestHead);
    if (!(head instanceof RequestHead)) return;
    expect(head.header('x')).toBe('1');
    expect(head.header('y')).toBeUndefined();
    expect(head.contentLength).toBe(-1);
  });

  test.each<[string, boolean]>([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc;x', true],
    ['application/grpc-web', false],
    ['application/grp', false],
    ['application/json', false],
  ])('knows that %s is gRPC: %s', (type, isGrpc) => {
    expect(withField('content-type', type)).toMatchObject({ isGrpc });
  });

  test('takes host in place of an authority, and the same beside it', () => {
    expect(changed(':authority')).toMatchObject({ authority: '' });
    expect(parseRequestHead([...valid.slice(0, 6), 'host', 'other'])).toMatchObject({ authority: 'other' });
    expect(withField('host', 'HOST:1')).toMatchObject({ authority: 'host:1' });
  });

  test('of OPTIONS may be about everything, of CONNECT about a host', () => {
    expect(parseRequestHead([':method', 'OPTIONS', ':scheme', 'http', ':path', '*'])).toMatchObject({
      path: '*',
    });
    expect(parseRequestHead([':method', 'CONNECT', ':authority', 'a:1'])).toMatchObject({
      path: '',
      scheme: '',
    });
  });

  test.each(['a b', 'a\tb', '\x80\xff', ''])('may have the value %j', (value) => {
    expect(withField('x', value)).toBeInstanceOf(RequestHead);
  });
});

describe('a head is malformed', () => {
  test.each<[string, RequestHead | string]>([
    ['no method', changed(':method')],
    ['no scheme', changed(':scheme')],
    ['no path', changed(':path')],
    ['empty pseudo-header', changed(':path', '')],
    ['empty pseudo-header', changed(':method', '')],
    ['bad path', changed(':path', 'a')],
    ['bad path', changed(':path', '*')],
    ['blank around header value', changed(':path', '/a ')],
    ['bad header value', changed(':authority', 'a\0')],
    ['userinfo in authority', changed(':authority', 'me@host')],
    ['unknown pseudo-header', changed(':path', '/') && parseRequestHead([...valid, ':status', '200'])],
    ['pseudo-header twice', withField(':method', 'GET')],
    ['pseudo-header twice', withField(':path', '/b')],
    ['pseudo-header twice', withField(':scheme', 'http')],
    ['pseudo-header twice', parseRequestHead([':authority', '', ':authority', ''])],
    ['bad header name', parseRequestHead(['x', 'y', ...valid])],
    ['bad header name', withField('x', 'y', ':path', '/b')],
    ['empty header name', withField('', 'a')],
    ['bad header name', withField('X', 'a')],
    ['bad header name', withField('a b', 'a')],
    ['bad header name', withField('a\x7f', 'a')],
    ['bad header name', withField('a:b', 'a')],
    ['bad header value', withField('x', 'a\nb')],
    ['bad header value', withField('x', 'a\rb')],
    ['bad header value', withField('x', 'a\0b')],
    ['blank around header value', withField('x', ' a')],
    ['blank around header value', withField('x', 'a\t')],
    ['connection-specific header', withField('connection', 'close')],
    ['connection-specific header', withField('proxy-connection', 'close')],
    ['connection-specific header', withField('keep-alive', '1')],
    ['connection-specific header', withField('transfer-encoding', 'chunked')],
    ['connection-specific header', withField('upgrade', 'h2c')],
    ['te other than trailers', withField('te', 'gzip')],
    ['host twice', withField('host', 'host:1', 'host', 'host:1')],
    ['host other than authority', withField('host', 'other')],
    ['content-length is not a number', withField('content-length', '-1')],
    ['content-length is not a number', withField('content-length', '')],
    ['content-length twice', withField('content-length', '1', 'content-length', '2')],
    ['CONNECT with scheme or path', changed(':method', 'CONNECT')],
    ['CONNECT without authority', parseRequestHead([':method', 'CONNECT'])],
    ['no method', parseRequestHead([])],
  ])('%s', (problem, parsed) => {
    expect(parsed).toBe(problem);
  });
});

test('trailers have no pseudo-headers, and valid names and values', () => {
  expect(trailersProblem(['a', 'b'])).toBeUndefined();
  expect(trailersProblem([':a', 'b'])).toBe('pseudo-header in trailers');
  expect(trailersProblem(['A', 'b'])).toBe('bad header name');
  expect(trailersProblem(['a', 'b\n'])).toBe('bad header value');
});

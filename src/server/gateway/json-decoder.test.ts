/** Goal: JSON becomes the message that Go's protojson makes of it. Errors are in the words that etcd 3.7.3 answered with. */
import { describe, expect, test } from 'vitest';
import { codecOf, messageShape } from '../../wire/index.ts';
import { decodeJson, messageDepthMax } from './json-decoder.ts';

type Fields = Record<string, unknown>;

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

function bytesOf(type: string, json: unknown): Buffer {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  return decodeJson(messageShape(`etcdserverpb.${type}`), latin1(text))!.bytes;
}

function decode(type: string, json: unknown): Fields {
  return codecOf<Fields>(`etcdserverpb.${type}`).decode(bytesOf(type, json));
}

function problem(type: string, text: string): string {
  try {
    decodeJson(messageShape(`etcdserverpb.${type}`), latin1(text));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was wrong');
}

describe('what is understood', () => {
  test('both names of a field, numbers and their strings, names and numbers of enumerations', () => {
    const asked = {
      key: 'YQ==',
      rangeEnd: 'Yg',
      limit: '1e1',
      revision: 5,
      sort_order: 'DESCEND',
      sortTarget: 3,
    };
    expect(decode('RangeRequest', asked)).toMatchObject({
      key: Buffer.from('a'),
      range_end: Buffer.from('b'),
      limit: 10,
      revision: 5,
      sort_order: 2,
      sort_target: 3,
    });
  });

  test('64 bits, signed or not', () => {
    expect(decode('LeaseGrantRequest', { ID: '-9223372036854775808' })['ID']).toBe(-(2n ** 63n));
    expect(decode('MemberRemoveRequest', { ID: '18446744073709551615' })['ID']).toBe(2n ** 64n - 1n);
  });

  test('null, zeros and unknown fields and names say nothing', () => {
    const nothing =
      '{"key":null,"limit":0,"keys_only":false,"sort_order":"NONE","range_end":"","sort_target":"NOPE"}';
    expect(bytesOf('RangeRequest', nothing)).toHaveLength(0);
    expect(
      bytesOf('RangeRequest', '{"x":{"key":[1,{"y":null},"z"]},"key":"YQ==","@type":1}').toString('hex'),
    ).toBe('0a0161');
  });

  test('a zero in a oneof or a list does', () => {
    expect(bytesOf('Compare', { lease: 0 }).toString('hex')).toBe('4000');
    expect(bytesOf('WatchRequest', { progress_request: {} }).toString('hex')).toBe('1a00');
    expect(decode('WatchCreateRequest', { filters: ['NOPUT', 1, 'NOPE', 'NODELETE'] })['filters']).toEqual([
      0, 1, 1,
    ]);
    expect(decode('MemberAddRequest', { peerURLs: ['', 'é'] })['peerURLs']).toEqual(['', 'é']);
  });

  test('escapes, pairs of them, and text beyond ASCII', () => {
    const text = '{"name":"\\u00e9\\ud83d\\ude00\\n\\/\\"é😀\ufeff","password":"\ufeffx"}';
    expect(decode('AuthenticateRequest', text)).toMatchObject({
      name: 'é😀\n/"é😀\ufeff',
      password: '\ufeffx',
    });
    expect(decode('AuthenticateRequest', '{"n\\u0061me":"\\uffe6\\ue000"}')['name']).toBe('\uffe6\ue000');
  });

  test('transactions in transactions', () => {
    const inner = {
      compare: [{ key: 'YQ==', version: 0 }],
      failure: [{ requestDeleteRange: { key: 'Yg==' } }],
    };
    const [op] = decode('TxnRequest', { success: [{ request_txn: inner }] })['success'] as Fields[];
    expect(op?.['request_txn']).toMatchObject({
      compare: [{ key: Buffer.from('a'), version: 0, target_union: 'version' }],
      failure: [{ request_delete_range: { key: Buffer.from('b') }, request: 'request_delete_range' }],
    });
  });

  test('only the first value, wherever it ends', () => {
    const text = '  {"ID":5} {"ID":6}garbage';
    const shape = messageShape('etcdserverpb.LeaseKeepAliveRequest');
    const first = decodeJson(shape, text);
    expect(first).toEqual({ bytes: Buffer.from([8, 5]), end: 10 });
    expect(decodeJson(shape, text, first!.end)?.bytes).toEqual(Buffer.from([8, 6]));
    expect(decodeJson(shape, ' \n')).toBeUndefined();
  });
});

describe('what is refused', () => {
  test.each([
    ['', 'proto: syntax error (line 1:1): unexpected token ', ['[]', 'null', '"x"', '5', 'true']],
    ['{"key":', 'proto: (line 1:8): invalid value for bytes field key: ', ['1', '[', '{', 'true', '"*"']],
    ['{"limit":', 'proto: (line 1:10): invalid value for int64 field limit: ', ['1.5', '"x"', '[', 'false']],
    ['{"countOnly":', 'proto: (line 1:14): invalid value for bool field countOnly: ', ['1', '"true"']],
    [
      '{"sort_order":',
      'proto: (line 1:15): invalid value for enum field sortOrder: ',
      ['1.5', 'true', '2147483648'],
    ],
  ])('after %j', (before, message, values) => {
    for (const value of values) {
      const closed = value === '[' ? '[]' : value === '{' ? '{}' : value;
      const shown = value === '[]' ? '[' : value;
      expect(problem('RangeRequest', `${before}${closed}${before === '' ? '' : '}'}`)).toBe(
        `${message}${shown}`,
      );
    }
  });

  test.each([
    ['RangeRequest', '{"key":"YQ==",\n "é":"é", "key":"YQ=="}', 'proto: (line 2:11): duplicate field "key"'],
    ['RangeRequest', '{"range_end":"","rangeEnd":""}', 'proto: (line 1:17): duplicate field "rangeEnd"'],
    ['RangeRequest', '{"x":"\\ud800"}', 'proto: unexpected EOF'],
    ['RangeRequest', '{"x":"\\ud800 \\u0041"}', 'proto: syntax error (line 1:6): invalid escape code " \\\\u004" in string'],
    ['RangeRequest', '{"x":[{"key":5}],"key":5}', 'proto: (line 1:24): invalid value for bytes field key: 5'],
    ['RangeRequest', '{"key":5,"x":', 'unexpected EOF'],
    ['TxnRequest', '{"success":{}}', 'proto: syntax error (line 1:12): unexpected token {'],
    ['TxnRequest', '{"success":[null]}', 'proto: syntax error (line 1:13): unexpected token null'],
    [
      'RequestOp',
      '{"request_put":{},"request_range":{}}',
      'proto: (line 1:19): error parsing "request_range", oneof etcdserverpb.RequestOp.request is already set',
    ],
    ['Member', '{"peerURLs":["a",5]}', 'proto: (line 1:18): invalid value for string field peerURLs: 5'],
    ['HashKVRequest', '{"revision":', 'unexpected EOF'],
    ['RangeRequest', '{"limit":"9223372036854775808"}', 'proto: (line 1:10): invalid value for int64 field limit: "9223372036854775808"'],
    ['MemberRemoveRequest', '{"ID":-1}', 'proto: (line 1:7): invalid value for uint64 field ID: -1'],
  ])('%s %s', (type, text, message) => {
    expect(problem(type, text)).toBe(message);
  }); // prettier-ignore

  test('text that is not UTF-8, wherever it is', () => {
    const shape = messageShape('etcdserverpb.RangeRequest');
    expect(() => decodeJson(shape, '{"x":["a\xff"]}')).toThrow(
      'proto: syntax error (line 1:7): invalid UTF-8 in string',
    );
  });

  test('transactions that nobody would take, without a stack overflow', () => {
    const depth = messageDepthMax + 10;
    const text = '{"success":[{"request_txn":'.repeat(depth) + '{}' + '}]}'.repeat(depth);
    expect(() => decodeJson(messageShape('etcdserverpb.TxnRequest'), text)).toThrow(
      expect.objectContaining({ code: 'tooDeep' }) as Error,
    );
    const unknown = `{"x":${'[{"y":'.repeat(4000)}`;
    expect(problem('TxnRequest', unknown)).toBe('unexpected EOF');
    expect(problem('TxnRequest', `{"x":${'['.repeat(20_000)}`)).toBe(
      "invalid character '[' exceeded max depth",
    );
  });
});

describe('promise 7: bodies made to keep the server busy', () => {
  const long = 1_000_000;
  const TOO_MANY = 'engram: request body has more than 131072 values';

  test.each([
    ['RangeRequest', `{"x":[${'0,'.repeat(long)}0]}`],
    ['RangeRequest', `{${'"a":0,'.repeat(long)}"a":0}`],
    ['RangeRequest', `{"key":"${'\\u0041'.repeat(long)}"}`],
    ['TxnRequest', `{"success":[${'{},'.repeat(long)}{}]}`],
    ['WatchCreateRequest', `{"filters":[${'0,'.repeat(long)}0]}`],
    // What is wrong comes after them, or before.
    ['RangeRequest', `{"x":[${'0,'.repeat(long)}0}`],
    ['RangeRequest', `{"key":5,"x":[${'0,'.repeat(long)}0]}`],
  ])('of too many values are refused: %s', (type, text) => {
    expect(problem(type, text)).toBe(TOO_MANY);
  });

  test('of long numbers are read once', () => {
    const zeros = '0'.repeat(long);
    expect(problem('RangeRequest', `{"limit":1.${zeros}1}`)).toContain('invalid value for int64 field limit');
    expect(problem('RangeRequest', `{"limit":1${zeros}e-5}`)).toContain(
      'invalid value for int64 field limit',
    );
    expect(bytesOf('RangeRequest', `{"limit":"1.${zeros}"}`).toString('hex')).toBe('1801');
  });

  test('of many lines are counted once', () => {
    expect(problem('RangeRequest', `{${'\n'.repeat(long)}"\u00e9":0,"key":5}`)).toBe(
      'proto: (line 1000001:13): invalid value for bytes field key: 5',
    );
  });
});

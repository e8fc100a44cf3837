import { describe, expect, test } from 'vitest';
import { WireError, type WireErrorCode } from './errors.ts';
import type { TxnRequest } from './messages.ts';
import { codecOf } from './protos.ts';
import { decodeRangeRequest } from './range.ts';
import { groupDepthMax } from './reader.ts';
import { encodeTxnRequest } from './txn-encode.ts';
import { decodeTxnRequest, operationsMax, txnDepthMax } from './txn-request.ts';
import { decodeWatchRequest, filtersMax } from './watch-request.ts';

function codeOf(decode: () => unknown): WireErrorCode | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
}

const range = (hex: string): WireErrorCode | undefined =>
  codeOf(() => decodeRangeRequest(Buffer.from(hex.replaceAll(' ', ''), 'hex')));

describe('promise 9: each malformation has its code', () => {
  test.each<[string, string, WireErrorCode]>([
    ['ends inside a tag', '80', 'truncated'],
    ['ends inside a varint', '18 80', 'truncated'],
    ['ends before a varint', '18', 'truncated'],
    ['ends inside an unknown fixed64', 'a1 06 00', 'truncated'],
    ['ends inside an unknown fixed32', 'a5 06 00', 'truncated'],
    ['ends inside a group', 'a3 06', 'truncated'],
    ['length beyond the message', '0a 02 61', 'lengthExceeded'],
    ['length of 2^63', '0a 80 80 80 80 80 80 80 80 80 01', 'lengthExceeded'],
    ['length beyond 2^53', '0a ff ff ff ff ff ff ff ff 7f', 'lengthExceeded'],
    ['varint of 11 bytes', '18 80 80 80 80 80 80 80 80 80 80 01', 'overlongVarint'],
    ['varint of 65 bits', '18 80 80 80 80 80 80 80 80 80 02', 'overlongVarint'],
    ['field number 0', '02 00', 'invalidTag'],
    ['field number 0, overlong', '80 00', 'invalidTag'],
    ['field number above 2^29 - 1', '80 80 80 80 10 00', 'invalidTag'],
    ['wire type 6', 'a6 06', 'invalidTag'],
    ['wire type 7', 'a7 06', 'invalidTag'],
    ['a field of another wire type, cut', '1a 02 00', 'lengthExceeded'],
    ['field 1 as the end of a group', '0c', 'unbalancedGroup'],
    ['end without a group', 'a4 06', 'unbalancedGroup'],
    ['end of another group', 'a3 06 ac 06', 'unbalancedGroup'],
    ['groups without end', 'a306'.repeat(groupDepthMax + 1), 'groupsTooDeep'],
  ])('%s', (_, hex, code) => {
    expect(range(hex)).toBe(code);
  });

  test('unknown fields of every kind are skipped', () => {
    const unknown =
      'a006 8001  a106 0102030405060708  a206 02 0a0a  a306 a006 01 a306 a406 a406  a506 01020304';
    const request = decodeRangeRequest(Buffer.from(`${unknown} 0a0161`.replaceAll(' ', ''), 'hex'));
    expect(request.key).toEqual(Buffer.from('a'));
  });

  test('known fields of another wire type are skipped, as in etcd 3.7', () => {
    const wrong = '0801 1a0100 6a00 0b2001 0c 2500000000 290000000000000000';
    const request = decodeRangeRequest(Buffer.from(`0a0161 1805 ${wrong}`.replaceAll(' ', ''), 'hex'));
    expect(request).toMatchObject({ key: Buffer.from('a'), limit: 5, revision: 0, sortOrder: 0 });
  });

  test('as many groups as Go takes are skipped without filling the stack', () => {
    const groups = 'a306'.repeat(groupDepthMax) + 'a406'.repeat(groupDepthMax);
    expect(decodeRangeRequest(Buffer.from(`${groups}0a0161`, 'hex')).key).toEqual(Buffer.from('a'));
  });
});

describe('a message that comes twice is merged, as in Go', () => {
  const operation = (hex: string): TxnRequest['success'][number] | undefined => {
    const op = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    return decodeTxnRequest(Buffer.concat([Buffer.from([0x12, op.length]), op])).success[0];
  };

  test('the same member of an operation', () => {
    const range = operation('0a03 0a0161 0a02 1805');
    expect(range).toMatchObject({ kind: 'range', request: { key: Buffer.from('a'), limit: 5 } });
    const put = operation('1203 0a0161 1203 120176');
    expect(put).toMatchObject({ kind: 'put', request: { key: Buffer.from('a'), value: Buffer.from('v') } });
    const remove = operation('1a03 0a0161 1a02 1801');
    expect(remove).toMatchObject({ kind: 'deleteRange', request: { key: Buffer.from('a'), prevKv: true } });
    const txn = operation('2202 1200 2204 1200 1a00');
    expect(txn).toMatchObject({ kind: 'txn', request: { success: [{}, {}], failure: [{}] } });
  });

  test('another member replaces it', () => {
    expect(operation('1203 0a0161 0a02 1805 1200')).toMatchObject({
      kind: 'put',
      request: { key: Buffer.alloc(0) },
    });
  });

  test('watch requests', () => {
    const create = decodeWatchRequest(Buffer.from('0a030a01610a023807', 'hex'));
    expect(create).toMatchObject({ kind: 'create', request: { key: Buffer.from('a'), watchId: 7 } });
    expect(decodeWatchRequest(Buffer.from('120208051200', 'hex'))).toEqual({ kind: 'cancel', watchId: 5 });
  });
});

describe('cold messages are held to the same rules', () => {
  const urls = (hex: string): unknown =>
    codecOf('etcdserverpb.MemberUpdateRequest').decode(Buffer.from(hex, 'hex'));

  test('fields of another wire type and unknown ones are skipped', () => {
    expect(
      urls('0805' + '0a020102' + '1007' + '1201' + '78' + 'a30608010c0ca406'.replace('0c0c', '')),
    ).toEqual({
      ID: 5n,
      peerURLs: ['x'],
    });
  });

  test('text that is not UTF-8 is refused', () => {
    expect(codeOf(() => urls('1202c328'))).toBe('invalidText');
    expect(codeOf(() => urls('1202c3a9'))).toBeUndefined();
  });

  test('in nested messages too', () => {
    const codec = codecOf('etcdserverpb.AuthUserAddRequest');
    // name "x", and no_password once as bytes, once as it should be; then options again, without it.
    expect(
      codec.decode(Buffer.from('0a0178 1a05 0a0101 0801 1a00'.replaceAll(' ', ''), 'hex')),
    ).toMatchObject({
      name: 'x',
      options: { no_password: true },
    });
  });

  test.each<[string, WireErrorCode]>([
    ['08', 'truncated'],
    ['1205', 'lengthExceeded'],
    ['0e', 'invalidTag'],
    ['a306', 'truncated'],
  ])('%s is malformed', (hex, code) => expect(codeOf(() => urls(hex))).toBe(code));
});

function nested(depth: number): TxnRequest {
  let txn: TxnRequest = { compare: [], success: [], failure: [] };
  for (let i = 1; i < depth; i++)
    txn = { compare: [], success: [{ kind: 'txn', request: txn }], failure: [] };
  return txn;
}

describe('promise 9: a transaction is bounded', () => {
  test('in depth', () => {
    expect(decodeTxnRequest(encodeTxnRequest(nested(txnDepthMax)))).toEqual(nested(txnDepthMax));
    expect(codeOf(() => decodeTxnRequest(encodeTxnRequest(nested(txnDepthMax + 1))))).toBe('nestedTooDeep');
  });

  test('in operations: empty ones', () => {
    const bytes = Buffer.from('1200'.repeat(operationsMax), 'hex');
    expect(decodeTxnRequest(bytes).success).toHaveLength(operationsMax);
    expect(codeOf(() => decodeTxnRequest(Buffer.concat([bytes, bytes])))).toBe('tooManyOperations');
    expect(codeOf(() => decodeTxnRequest(bytes, 10))).toBe('tooManyOperations');
  });

  test('in operations: members that replace one another in one operation', () => {
    const members = Buffer.from('0a00'.repeat(operationsMax + 1), 'hex');
    const length = Buffer.from([
      0x12,
      (members.length & 0x7f) | 0x80,
      ((members.length >> 7) & 0x7f) | 0x80,
      2,
    ]);
    expect(members.length >> 14).toBe(2);
    expect(codeOf(() => decodeTxnRequest(Buffer.concat([length, members])))).toBe('tooManyOperations');
  });
});

describe('watch requests', () => {
  test('filters come packed and unpacked, mixed', () => {
    const request = decodeWatchRequest(Buffer.from('0a0928012a0200012800'.replace('0a09', '0a08'), 'hex'));
    expect(request).toMatchObject({ kind: 'create', request: { filters: [1, 0, 1, 0] } });
  });

  test('promise 7: filters are bounded', () => {
    const filters = Buffer.concat([Buffer.from([0x2a, 0x81, 0x08]), Buffer.alloc(filtersMax + 1)]);
    const message = Buffer.concat([Buffer.from([0x0a, 0x84, 0x08]), filters]);
    expect(codeOf(() => decodeWatchRequest(message))).toBe('valueOutOfRange');
  });

  test('a chosen watch id that no response could carry back is refused', () => {
    const message = Buffer.from('0a0a38ffffffffffffffff7f', 'hex');
    expect(codeOf(() => decodeWatchRequest(message))).toBe('valueOutOfRange');
  });

  test('the last member wins', () => {
    expect(decodeWatchRequest(Buffer.from('0a0012020805', 'hex'))).toEqual({ kind: 'cancel', watchId: 5 });
    expect(decodeWatchRequest(Buffer.from('120208050a00', 'hex')).kind).toBe('create');
  });
});

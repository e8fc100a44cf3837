/** Goal: messages become the JSON that etcd writes, whatever their size and however their bytes are cut. */
import { describe, expect, test } from 'vitest';
import { bytesOf, TestSource } from '../../../test/support/messages.ts';
import { ByteRuns } from '../../base/index.ts';
import type { Message } from '../../transport/index.ts';
import {
  codecOf,
  encodeKeyValue,
  encodeRangeResponse,
  headerIdentity,
  messageShape,
} from '../../wire/index.ts';
import { JsonEncoder, type JsonEncoderOptions } from './json-encoder.ts';

type Fields = Record<string, unknown>;

function pieces(type: string, message: Message, options?: JsonEncoderOptions): Buffer[] {
  const encoder = new JsonEncoder(messageShape(type), message, options);
  const all: Buffer[] = [];
  while (!encoder.isDone) all.push(encoder.next());
  expect(encoder.next()).toHaveLength(0);
  return all;
}

function json(type: string, message: Message, options?: JsonEncoderOptions): string {
  return Buffer.concat(pieces(type, message, options)).toString('utf8');
}

function encode(type: string, message: Fields, options?: JsonEncoderOptions): string {
  return json(type, [codecOf<Fields>(type).encode(message)], options);
}

function list(count: number, valueBytes: number): Uint8Array[] {
  const kvs = new ByteRuns();
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`key${i}`);
    const value = Buffer.alloc(valueBytes, i);
    const kv = encodeKeyValue({
      key,
      createRevision: 2,
      modRevision: 300 + i,
      version: 1,
      value,
      lease: -5n,
    });
    kvs.push(kv, 0, kv.length);
  }
  const header = { identity: headerIdentity(2n ** 64n - 1n, 7n), revision: 2 ** 40, raftTerm: 3 };
  return [bytesOf(encodeRangeResponse({ header, kvs, more: true, count }))];
}

describe('a message', () => {
  test('without anything in it', () => {
    expect(encode('etcdserverpb.DefragmentResponse', {})).toBe('{}');
    expect(encode('etcdserverpb.StatusResponse', { downgradeInfo: {} })).toBe('{"downgradeInfo":{}}');
  });

  test('with names of the proto file, numbers as strings from 64 bits on, names of enumerations', () => {
    const header = { cluster_id: 2n ** 64n - 1n, member_id: 1n, revision: 5, raft_term: 0 };
    const alarms = [{ memberID: 7n, alarm: 1 }, { memberID: 8n, alarm: 77 }, {}];
    expect(encode('etcdserverpb.AlarmResponse', { header, alarms })).toBe(
      '{"header":{"cluster_id":"18446744073709551615","member_id":"1","revision":"5"},' +
        '"alarms":[{"memberID":"7","alarm":"NOSPACE"},{"memberID":"8","alarm":77},{}]}',
    );
    expect(encode('etcdserverpb.HashKVResponse', { hash: 4294967295, compact_revision: -1 })).toBe(
      '{"hash":4294967295,"compact_revision":"-1"}',
    );
  });

  test('with lists of texts and bytes, empty ones too', () => {
    const member = { ID: 1n, peerURLs: ['', 'a"\\\n\u0001é😀\u2028<'], isLearner: true };
    expect(encode('etcdserverpb.Member', member)).toBe(
      '{"ID":"1","peerURLs":["","a\\"\\\\\\n\\u0001é😀\u2028<"],"isLearner":true}',
    );
    const keys = [Buffer.from('a'), Buffer.alloc(0), Buffer.from('abc')];
    expect(encode('etcdserverpb.LeaseTimeToLiveResponse', { TTL: -1, keys })).toBe(
      '{"TTL":"-1","keys":["YQ==","","YWJj"]}',
    );
  });

  test('with numbers packed together', () => {
    expect(json('etcdserverpb.WatchCreateRequest', [Buffer.from('2a03000105', 'hex')])).toBe(
      '{"filters":["NOPUT","NODELETE",5]}',
    );
  });

  test('with what HTML gives a meaning to escaped, where that is asked for', () => {
    const message = { cancel_reason: '<&>\u2028\u2029"' };
    const options = { prefix: '{"result":', suffix: '}\n', escapesHtml: true };
    expect(encode('etcdserverpb.WatchResponse', message, options)).toBe(
      '{"result":{"cancel_reason":"\\u003c\\u0026\\u003e\\u2028\\u2029\\""}}\n',
    );
  });

  test('with a text longer than a piece', () => {
    const reason = 'é'.repeat(100_000);
    expect(encode('etcdserverpb.WatchResponse', { cancel_reason: reason })).toBe(
      `{"cancel_reason":"${reason}"}`,
    );
  });
});

describe('a list', () => {
  test('is as etcd writes it', () => {
    expect(json('etcdserverpb.RangeResponse', list(2, 1))).toBe(
      '{"header":{"cluster_id":"18446744073709551615","member_id":"7","revision":"1099511627776","raft_term":"3"},' +
        '"kvs":[{"key":"a2V5MA==","create_revision":"2","mod_revision":"300","version":"1","value":"AA==","lease":"-5"},' +
        '{"key":"a2V5MQ==","create_revision":"2","mod_revision":"301","version":"1","value":"AQ==","lease":"-5"}],' +
        '"more":true,"count":"2"}',
    );
  });

  test('does not depend on where its bytes are cut', () => {
    const whole = Buffer.concat(list(3, 200));
    const expected = json('etcdserverpb.RangeResponse', [whole]);
    for (let at = 0; at <= whole.length; at++) {
      const cut = [whole.subarray(0, at), new Uint8Array(0), whole.subarray(at)];
      expect(json('etcdserverpb.RangeResponse', cut)).toBe(expected);
    }
    const crumbs = Array.from(whole, (byte) => Uint8Array.of(byte));
    expect(json('etcdserverpb.RangeResponse', crumbs)).toBe(expected);
  });

  test.each([0, 1, 2, 3, 190, 191, 192, 193, 194, 195, 48_000, 65_535, 65_536, 200_001])(
    'holds values of %i bytes',
    (bytes) => {
      const { kvs } = JSON.parse(json('etcdserverpb.RangeResponse', list(3, bytes))) as {
        kvs: { value?: string }[];
      };
      expect(kvs.map(({ value = '' }) => value)).toEqual(
        [0, 1, 2].map((byte) => Buffer.alloc(bytes, byte).toString('base64')),
      );
    },
  );

  test('is the same from a source, which is closed when all of it has been read', () => {
    for (const valueBytes of [0, 100, 40_000]) {
      const message = list(5, valueBytes);
      const source = new TestSource(message[0]!);
      expect(json('etcdserverpb.RangeResponse', source)).toBe(json('etcdserverpb.RangeResponse', message));
      expect(source).toMatchObject({ position: source.length, closed: 1 });
    }
  });

  test('promise 8: is made in pieces of at most 64 KiB, however large it is', () => {
    const all = pieces('etcdserverpb.RangeResponse', list(2_000, 2_000));
    expect(all.length).toBeGreaterThan(80);
    for (const piece of all) expect(piece.length).toBeLessThanOrEqual(64 * 1024);
    const parsed = JSON.parse(Buffer.concat(all).toString()) as { kvs: unknown[]; count: string };
    expect(parsed.kvs).toHaveLength(2_000);
    expect(parsed.count).toBe('2000');
  });
});

test('bytes that are not of this program end it', () => {
  expect(() => json('etcdserverpb.RangeResponse', [Uint8Array.of(0x12, 5, 10)])).toThrow('whole');
  expect(() => json('etcdserverpb.RangeResponse', [Uint8Array.of(0x20, 5, 0x18, 1)])).toThrow('order');
});

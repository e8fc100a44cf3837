/** Goal: an answer is the same bytes whether it is made at once or while it is sent, however it is read. */
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../test/support/messages.ts';
import { ByteRuns } from '../base/index.ts';
import { encodeKeyValue } from './key-value.ts';
import { LongMessage } from './long-message.ts';
import { codecOf } from './protos.ts';
import { encodeRangeResponse, rangeResponseSize } from './range.ts';

function runsOf(count: number, valueBytes: (at: number) => number): { runs: ByteRuns; kvs: Buffer[] } {
  const runs = new ByteRuns();
  const kvs: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`key-${i}`);
    const value = Buffer.alloc(valueBytes(i), i);
    const body = encodeKeyValue({ key, createRevision: 0, modRevision: 2 + i, version: 1, value, lease: 0n });
    runs.push(body, 0, body.length);
    kvs.push(body);
  }
  return { runs, kvs };
}

/** What protobufjs makes of the same list. */
function expected(kvs: readonly Buffer[], more: boolean, count: number): Buffer {
  const decoded = kvs.map((kv) => codecOf<object>('mvccpb.KeyValue').decode(kv));
  return codecOf<object>('etcdserverpb.RangeResponse').encode({ kvs: decoded, more, count });
}

describe('a response is the same', () => {
  test.each([0, 1, 127, 128, 8191, 16_383, 16_384, 40_000, 2_097_152])(
    'with values of %i bytes, in pieces of any size',
    (valueBytes) => {
      for (const count of [0, 1, 2, 9, valueBytes > 1e6 ? 3 : 40]) {
        const { runs, kvs } = runsOf(count, (at) => (at % 3 === 0 ? valueBytes : at));
        const response = { header: undefined, kvs: runs, more: true, count };
        const whole = expected(kvs, true, count);
        expect(rangeResponseSize(response)).toBe(whole.length);
        const pieces = whole.length < 50_000 ? [1, 7, 999, 16_384] : [999, 16_384, whole.length];
        for (const pieceBytes of pieces) {
          expect(bytesOf(encodeRangeResponse(response), pieceBytes).equals(whole)).toBe(true);
        }
      }
    },
  );

  // Every start within a piece's last bytes comes up for some shift.
  test('wherever a piece ends', () => {
    const { runs, kvs } = runsOf(200, () => 60);
    const whole = expected(kvs, false, 7);
    for (let shift = 1; shift < 160; shift++) {
      const message = encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 7 });
      if (!(message instanceof LongMessage)) throw new Error('a long message is made at once');
      const bytes = Buffer.alloc(whole.length);
      message.read(bytes, 0, shift);
      message.read(bytes, shift, whole.length);
      expect(bytes.equals(whole)).toBe(true);
    }
  });
});

test('promise 8: a long response refers to its key-values, until it is closed', () => {
  const { runs } = runsOf(1000, () => 100);
  runs.ownBytes = 5;
  const message = encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 3 });
  expect(message).toMatchObject({ runs: 1000, ownBytes: 5 });
  if (!(message instanceof LongMessage)) throw new Error('a long message is made at once');
  message.close();
  expect(() => message.read(Buffer.alloc(1), 0, 1)).toThrow('no more of a message');
});

test('a short response is one buffer, an empty one too', () => {
  const { runs } = runsOf(3, () => 2000);
  expect(encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 3 })).toBeInstanceOf(Buffer);
  const nothing = { header: undefined, kvs: new ByteRuns(), more: false, count: 0 };
  expect(encodeRangeResponse(nothing)).toHaveLength(0);
});

import { describe, expect, test } from 'vitest';
import { ByteRuns } from '../base/index.ts';
import { encodeKeyValue } from './key-value.ts';
import { codecOf } from './protos.ts';
import { encodeRangeResponse } from './range.ts';

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

describe('a response in slices is the response', () => {
  // Every start within a buffer's last bytes comes up for some shift, so that no reserve is one byte short.
  test('where its own buffers end', () => {
    for (let shift = 0; shift < 80; shift++) {
      const { runs } = runsOf(1000, (at) => (at === 0 ? shift : 60));
      const whole = Buffer.concat(
        encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 7 }),
      );
      const { kvs, count } = codecOf<{ kvs: { key: Buffer; value: Buffer }[]; count: number }>(
        'etcdserverpb.RangeResponse',
      ).decode(whole);
      expect(count).toBe(7);
      expect(kvs.map(({ key }) => key.toString())).toEqual(kvs.map((_, at) => `key-${at}`));
      expect(kvs.every(({ value }, at) => value.equals(Buffer.alloc(at === 0 ? shift : 60, at)))).toBe(true);
    }
  });

  test('promise 8: large key-values are handed out where they lie, small ones are copied', () => {
    const { runs, kvs } = runsOf(9, (at) => (at % 3 === 0 ? 100_000 : 10));
    const slices = encodeRangeResponse({ header: undefined, kvs: runs, more: true, count: 9 });
    const shared = slices.filter((slice) =>
      kvs.some((kv) => kv.buffer === slice.buffer && kv.length === slice.length),
    );
    expect(shared).toHaveLength(3);
  });

  test('a small response is one buffer', () => {
    const { runs } = runsOf(3, () => 2000);
    expect(encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 3 })).toHaveLength(1);
  });

  test('nothing is no slice', () => {
    const { runs } = runsOf(0, () => 0);
    expect(encodeRangeResponse({ header: undefined, kvs: runs, more: false, count: 0 })).toEqual([]);
  });
});

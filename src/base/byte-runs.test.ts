import { describe, expect, test } from 'vitest';
import { ByteRuns } from './byte-runs.ts';

/** Around the first run, the growth of the first block, and the borders of the blocks of 4096. */
const COUNTS = [0, 1, 2, 16, 17, 18, 33, 4096, 4097, 4098, 8193, 20_000];
const buffers = Array.from({ length: 7 }, (_, n) => Buffer.alloc(300, n));

function pushAll(runs: ByteRuns, from: number, to: number): void {
  for (let n = from; n < to; n++) runs.push(buffers[n % 7]!, n % 100, 1 + (n % 200));
}

function expectAll(runs: ByteRuns, count: number): void {
  expect(runs.count).toBe(count);
  let [totalBytes, varintBytes] = [0, 0];
  for (let n = 0; n < count; n++) {
    if (runs.buffer(n) !== buffers[n % 7] || runs.offset(n) !== n % 100 || runs.length(n) !== 1 + (n % 200))
      expect.fail(`run ${n} is another one`);
    totalBytes += runs.length(n);
    varintBytes += runs.length(n) < 128 ? 1 : 2;
  }
  expect(runs.totalBytes).toBe(totalBytes);
  expect(runs.varintBytes).toBe(varintBytes);
}

describe('runs of bytes', () => {
  test('know how long their lengths are as varints', () => {
    const runs = new ByteRuns();
    const lengths = [0, 0x7f, 0x80, 0x3fff, 0x4000, 0x1fffff, 0x200000, 0xfffffff, 0x10000000];
    const sums = lengths.map((length) => (runs.push(buffers[0]!, 0, length), runs.varintBytes));
    expect(sums).toEqual([1, 2, 4, 6, 9, 12, 16, 20, 25]);
    for (const sum of sums.slice(0, -1).reverse()) {
      runs.truncate(runs.count - 1);
      expect(runs.varintBytes).toBe(sum);
    }
  });

  test.each(COUNTS)('%i of them are those that were pushed', (count) => {
    const runs = new ByteRuns();
    pushAll(runs, 0, count);
    expectAll(runs, count);
    runs.touch(0, count);
    if (count > 0) expect(runs.run(count - 1)).toHaveLength(1 + ((count - 1) % 200));
  });

  test.each(COUNTS)('%i of them in memory that others have released', (count) => {
    const before = new ByteRuns();
    pushAll(before, 0, 20_000);
    before.release();
    expectAll(before, 0);
    const [runs, again] = [new ByteRuns(), before];
    pushAll(runs, 0, count);
    for (let n = 0; n < 9000; n++) again.push(buffers[1]!, 9, 1);
    expectAll(runs, count);
    runs.release();
    expect([again.count, again.totalBytes, again.buffer(8999)]).toEqual([9000, 9000, buffers[1]]);
  });

  test.each(COUNTS)('%i of them, forgotten down to any number and pushed again, are the same', (count) => {
    for (const kept of COUNTS.filter((other) => other <= count)) {
      const runs = new ByteRuns();
      pushAll(runs, 0, count);
      runs.truncate(kept);
      expectAll(runs, kept);
      pushAll(runs, kept, count);
      expectAll(runs, count);
    }
  });
});

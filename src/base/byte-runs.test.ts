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
  let totalBytes = 0;
  for (let n = 0; n < count; n++) {
    if (runs.buffer(n) !== buffers[n % 7] || runs.offset(n) !== n % 100 || runs.length(n) !== 1 + (n % 200))
      expect.fail(`run ${n} is another one`);
    totalBytes += runs.length(n);
  }
  expect(runs.totalBytes).toBe(totalBytes);
}

describe('runs of bytes', () => {
  test.each(COUNTS)('%i of them are those that were pushed', (count) => {
    const runs = new ByteRuns();
    pushAll(runs, 0, count);
    expectAll(runs, count);
    runs.touch(0, count);
    if (count > 0) expect(runs.run(count - 1)).toHaveLength(1 + ((count - 1) % 200));
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

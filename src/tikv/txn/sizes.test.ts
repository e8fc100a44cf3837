import { expect, it } from 'vitest';
import { ScanSize } from '../snapshot/scan-size.ts';
import { chunks } from './chunks.ts';
import { lockTtlMs } from './lock-ttl.ts';

it('chunks are as large as they may be, and lose nothing', () => {
  const cut = (items: number[], bytesMax: number, countMax = Infinity): number[][] =>
    chunks(items, (item) => item, { bytesMax, countMax });
  expect(cut([4, 4, 4, 20, 1, 1], 8)).toEqual([[4, 4], [4], [20], [1, 1]]);
  expect(cut([1, 1, 1], 8, 2)).toEqual([[1, 1], [1]]);
  expect(cut([], 8)).toEqual([]);
});

it('locks of small transactions hold 3 s, of large ones longer, each from now on', () => {
  expect(lockTtlMs(100, 0)).toBe(3000n);
  expect(lockTtlMs(100, 700.2)).toBe(3701n);
  expect(lockTtlMs(4 * 1024 * 1024, 0)).toBe(12_000n);
  expect(lockTtlMs(100 * 1024 * 1024, 1000)).toBe(21_000n);
});

it('a scan asks for more while entries are small, and for less once they are large', () => {
  const size = new ScanSize(1000, 500);
  expect(size.entries).toBe(64);
  size.seen(64, 64);
  expect(size.entries).toBe(256);
  size.seen(256, 256);
  expect(size.entries).toBe(500);
  size.seen(10, 5000);
  expect(size.entries).toBe(2);
  size.seen(1, 100_000);
  expect(size.entries).toBe(1);
  size.seen(0, 0);
  expect(size.entries).toBe(1);
});

import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';
import type { Random } from './random.ts';

const always = (value: number): Random => ({ next: () => value, next63: () => 0n });
const limits = { firstMs: 5, maxMs: 200 };
const attempts = [0, 1, 2, 5, 6, 7, 1000];

it('doubles up to its bound, however many attempts there were', () => {
  const longest = attempts.map((attempt) => backoffMs(always(1), limits, attempt));
  expect(longest).toEqual([5, 10, 20, 160, 200, 200, 200]);
});

it('leaves half of it to chance', () => {
  const shortest = attempts.map((attempt) => backoffMs(always(0), limits, attempt));
  expect(shortest).toEqual([2.5, 5, 10, 80, 100, 100, 100]);
});

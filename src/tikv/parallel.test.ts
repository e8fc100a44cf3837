import { expect, it } from 'vitest';
import { parallel } from './parallel.ts';

it('parallel runs at most so many at once, and yields in order', async () => {
  let running = 0;
  let most = 0;
  const results = await parallel([5, 1, 3, 2, 4], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < item; turn++) await Promise.resolve();
    running--;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 30, 20, 40]);
  expect(most).toBe(2);
});

it('parallel waits for what is under way before it fails, and begins nothing more', async () => {
  const ended: number[] = [];
  const begun: number[] = [];
  await expect(
    parallel([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      ended.push(item);
    }),
  ).rejects.toThrow('first');
  expect(begun).toEqual([1, 2]);
  expect(ended).toEqual([2]);
});

it('parallel of nothing is nothing', async () => {
  expect(await parallel([], 3, () => Promise.reject(new Error('called')))).toEqual([]);
});

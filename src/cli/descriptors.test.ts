import { expect, test } from 'vitest';
import { connectionsByDescriptors } from './descriptors.ts';

test.each([
  ['Max open files            20000                1048576              files     ', 18_800],
  ['Max open files            1024                 1048576              files     ', 64],
  ['Max open files            unlimited            unlimited            files     ', undefined],
  ['', undefined],
])('%j', (line, expected) => {
  expect(connectionsByDescriptors(() => `Limit  Soft Limit\n${line}\n`)).toBe(expected);
});

test('a system that does not tell', () => {
  expect(
    connectionsByDescriptors(() => {
      throw new Error('no such file');
    }),
  ).toBeUndefined();
});

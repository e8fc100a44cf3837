import { expect, test } from 'vitest';
import { addMs, composeTimestamp, logicalOf, physicalMs } from './timestamp.ts';

test('a timestamp is milliseconds and 18 bits of a counter', () => {
  const timestamp = composeTimestamp(1_700_000_000_123n, 77n);
  expect(timestamp).toBe(1_700_000_000_123n * 262_144n + 77n);
  expect(physicalMs(timestamp)).toBe(1_700_000_000_123);
  expect(logicalOf(timestamp)).toBe(77);
});

test('addMs() moves the milliseconds and keeps the counter, and stops at zero', () => {
  const timestamp = composeTimestamp(1000n, 5n);
  expect(addMs(timestamp, 2.9)).toBe(composeTimestamp(1002n, 5n));
  expect(addMs(timestamp, -1000)).toBe(5n);
  expect(addMs(timestamp, -2000)).toBe(0n);
});

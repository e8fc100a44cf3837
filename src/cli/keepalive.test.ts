import { expect, test } from 'vitest';
import { readSettings } from '../config/index.ts';
import { keepaliveLimits } from './keepalive.ts';

test.each([
  [[], [5_000, 7_200_000, 20_000]],
  [['--grpc-keepalive-min-time=1s'], [1_000, 7_200_000, 20_000]],
  [['--grpc-keepalive-min-time=0'], [300_000, 7_200_000, 20_000]],
  [
    ['--grpc-keepalive-interval=1m', '--grpc-keepalive-timeout=3s'],
    [5_000, 60_000, 3_000],
  ],
  [['--grpc-keepalive-interval=10ms'], [5_000, 1_000, 20_000]],
  [
    ['--grpc-keepalive-interval=0', '--grpc-keepalive-timeout=3s'],
    [5_000, 7_200_000, 20_000],
  ],
  [
    ['--grpc-keepalive-interval=1m', '--grpc-keepalive-timeout=0'],
    [5_000, 7_200_000, 20_000],
  ],
])('%j', async (args, [pingIntervalMsMin, keepaliveMs, keepaliveTimeoutMs]) => {
  const { settings } = await readSettings({ args, environment: {} });
  expect(keepaliveLimits(settings)).toEqual({ pingIntervalMsMin, keepaliveMs, keepaliveTimeoutMs });
});

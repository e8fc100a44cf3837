/** Goal: whoever asks why writes were slow finds the engine in the log. Method: a clock and times that the test sets. */
import { expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { commitTimes } from './commit-times.ts';
import { commitHistograms } from './metrics.ts';

test('a commit of more than a second is told, not more often than every ten seconds, and all are measured', () => {
  const told: unknown[] = [];
  const logger = { ...silentLogger, warn: (_message: string, fields?: object) => void told.push(fields) };
  const histograms = commitHistograms();
  let nowMs = 0;
  const took = commitTimes({ clock: { nowMs: () => nowMs }, logger, histograms });
  took(0.002);
  took(1);
  expect(told).toEqual([]);
  took(1.25);
  nowMs = 9_000;
  took(3);
  nowMs = 10_000;
  took(2);
  expect(told).toEqual([
    { tookMs: 1250, expectedMs: 1000 },
    { tookMs: 2000, expectedMs: 1000, more: 1 },
  ]);
  for (const histogram of [histograms.commit, histograms.fsync])
    expect(histogram.text()).toContain('_count 5\n');
});

/** Goal: no suite that failed, hung or proved nothing is counted as passed, and the sum is right. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chosen, judge, whatFailed, whySkipped } from '../../scripts/ci.ts';
import { countModules } from '../../scripts/count-reporter.ts';
import { addCounts, formatCounts, parseCounts } from '../../scripts/counts.ts';
import {
  parseProcessorTimes,
  processorTimes,
  shareStolen,
  shareStolenNow,
} from '../../scripts/stolen-time.ts';

const green = '\u001b[32m';

describe('closing lines', () => {
  test('the last one counts, in colour too', () => {
    const output = `1 passed, 0 failed\ntext: 9 passed, 9 failed, 9 skipped\n${green}7 passed, 1 failed, 2 skipped\u001b[39m\nbye\n`;
    expect(parseCounts(output)).toEqual({ passed: 7, failed: 1, skipped: 2 });
    expect(parseCounts('7 passed, 1 failed\r\n')).toEqual({ passed: 7, failed: 1, skipped: 0 });
    expect(parseCounts('Tests 7 passed')).toBeUndefined();
  });

  test('what is written is read', () => {
    const counts = { passed: 3, failed: 0, skipped: 4 };
    expect(parseCounts(formatCounts(counts))).toEqual(counts);
    expect(addCounts([counts, counts, { passed: 0, failed: 1, skipped: 0 }])).toEqual({
      passed: 6,
      failed: 1,
      skipped: 8,
    });
  });
});

describe('the verdict on a suite', () => {
  const ended = (status: number | undefined, tail: string) => judge({}, { status, tail, timedOut: false });

  test('its own counts, if they explain its exit code', () => {
    expect(ended(0, '5 passed, 0 failed, 1 skipped\n')).toEqual({ passed: 5, failed: 0, skipped: 1 });
    expect(ended(1, '5 passed, 2 failed, 1 skipped\n')).toEqual({ passed: 5, failed: 2, skipped: 1 });
  });

  test.each([
    ['it crashed after its closing line', 1, '5 passed, 0 failed, 0 skipped\n'],
    ['it crashed before', 1, 'Error\n'],
    ['a signal ended it', undefined, ''],
    ['it ended well and counted nothing', 0, 'done\n'],
    ['it ended well and ran nothing', 0, '0 passed, 0 failed, 0 skipped\n'],
  ])('one failure when %s', (_, status, tail) => {
    expect(ended(status, tail).failed).toBe(1);
  });

  test('failed counts are a failure whatever the exit code', () => {
    expect(ended(0, '5 passed, 2 failed, 0 skipped\n').failed).toBe(2);
  });

  test('a preparation counts nothing', () => {
    expect(judge({ preparation: true }, { status: 1, tail: '', timedOut: true }).failed).toBe(0);
  });
});

describe('what failed is said again', () => {
  test.each([
    [
      'from the list of vitest on',
      `ok\n${green}⎯⎯ Failed Tests 1 ⎯⎯\nFAIL a\nwhy\n`,
      2,
      ['⎯⎯ Failed Tests 1 ⎯⎯', 'FAIL a'],
    ],
    ['the lines of our own suites', 'ok a\nFAILED b: why\nok c\n', 60, ['FAILED b: why']],
    [
      'and those that say how',
      'FAILED a: it differs\n1 !== 0\nok b\nc\nFAILED d: no\nSKIPPED e: none\nf',
      60,
      ['FAILED a: it differs', '1 !== 0', 'FAILED d: no'],
    ],
    [
      'but no more of a line than one can read',
      `FAILED ${'-'.repeat(9_000)}`,
      60,
      [`FAILED ${'-'.repeat(393)}`],
    ],
    ['the last lines of what counted nothing', 'a\nb\nc\n', 2, ['b', 'c']],
  ])('%s', (_, tail, linesMax, said) => {
    expect(whatFailed(tail, linesMax)).toEqual(said);
  });
});

describe('a suite is not begun', () => {
  const minute = 60_000;
  const suite = { entry: 'a', minutesMax: 10 };

  test('whose tools could not be built in time', () => {
    expect(whySkipped(suite, new Set(['b']), 50 * minute)).toBeUndefined();
    expect(whySkipped(suite, new Set(['a', 'b']), 50 * minute)).toContain('tools');
  });

  test('that has not half of its time left', () => {
    expect(whySkipped(suite, new Set(), 5 * minute)).toBeUndefined();
    expect(whySkipped(suite, new Set(), 4.9 * minute)).toContain('4.9 min are left');
  });
});

describe('what a host takes of the processors', () => {
  test('is a share of what was asked for: idle time and time of disks are not', () => {
    const stat = 'cpu  10 1 5 9000 700 2 2 20 3 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n';
    const before = parseProcessorTimes(stat);
    expect(before).toEqual({ busy: 20, stolen: 20 });
    expect(shareStolen({ busy: 0, stolen: 0 }, before)).toBe(0.5);
    expect(shareStolen(before, { busy: 50, stolen: 30 })).toBe(0.25);
    expect(shareStolen(before, before)).toBe(0);
    expect(parseProcessorTimes('nothing of the kind')).toEqual({ busy: 0, stolen: 0 });
  });

  test('is seen here', () => {
    const before = processorTimes();
    expect(shareStolenNow()).toBeLessThanOrEqual(1);
    // A second was worked or stolen: a hundred ticks, less what comes too late to be counted.
    const after = processorTimes();
    const ticks = after.busy + after.stolen - before.busy - before.stolen;
    expect(ticks).toBeGreaterThan(process.platform === 'linux' ? 50 : -1);
  });
});

describe('the list of suites', () => {
  test('holds only what is written', () => {
    expect(chosen([], () => false).map(({ name }) => name)).toEqual(['ok']);
    expect(chosen([], () => true).length).toBeGreaterThan(4);
    expect(chosen(['ok'], () => true).map(({ name }) => name)).toEqual(['ok']);
    expect(() => chosen(['moon'], () => true)).toThrow('Unknown suite moon');
  });

  test('starts scripts that package.json has', () => {
    const path = join(import.meta.dirname, '../../package.json');
    const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as { scripts: Record<string, string> };
    for (const { npm } of chosen([], () => true)) expect(Object.keys(scripts)).toContain(npm[1]);
  });
});

describe('the count of a vitest run', () => {
  type Module = Parameters<typeof countModules>[0][number];
  const module = (states: string[], errors: unknown[] = []) => {
    const tests = states.map((state) => ({ result: () => ({ state }) }));
    return { errors: () => errors, children: { allTests: () => tests } } as unknown as Module;
  };

  test('every state in its place', () => {
    const run = countModules([module(['passed', 'failed', 'skipped']), module(['passed', 'pending'])], []);
    expect(run).toEqual({ passed: 2, failed: 2, skipped: 1 });
  });

  test('a file that does not load and an error outside of any test are failures', () => {
    expect(countModules([module([], [new Error('syntax')])], [new Error('late')]).failed).toBe(2);
  });
});

import { expect, test } from 'vitest';
import { silentLogger } from './logger.ts';
import { RareLog } from './rare-log.ts';

test('the first of a kind is logged at once, the rest every ten seconds with their number', () => {
  let nowMs = 0;
  const lines: unknown[] = [];
  const log = new RareLog(
    { ...silentLogger, warn: (message, fields) => void lines.push([message, fields]) },
    { nowMs: () => nowMs },
    10_000,
  );
  log.warn('a', { peer: 1 });
  log.warn('a', { peer: 2 });
  log.warn('b', { peer: 3 });
  nowMs = 9_999;
  log.warn('a', { peer: 4 });
  nowMs = 10_000;
  log.warn('a', { peer: 5 });
  log.warn('b', { peer: 7 }, 'another b');
  nowMs = 20_000;
  log.warn('a', { peer: 6 });
  expect(lines).toEqual([
    ['a', { peer: 1 }],
    ['b', { peer: 3 }],
    ['a', { peer: 5, more: 2 }],
    ['b', { peer: 7 }],
    ['a', { peer: 6 }],
  ]);
});

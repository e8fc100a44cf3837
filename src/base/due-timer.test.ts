import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { DueTimer } from './due-timer.ts';

/** Who waits, by when they are due, and who was ended at what time. */
function waiting(): {
  time: ManualTime;
  dueMs: number[];
  ended: [atMs: number, dueMs: number][];
  timer: DueTimer;
} {
  const time = new ManualTime();
  const dueMs: number[] = [];
  const ended: [number, number][] = [];
  const timer = new DueTimer({
    ...{ clock: time, scheduler: time },
    firstDueMs: () => dueMs[0],
    expire: (nowMs) => {
      while (dueMs[0] !== undefined && dueMs[0] <= nowMs) ended.push([nowMs, dueMs.shift()!]);
    },
  });
  return { time, dueMs, ended, timer };
}

it('ends each when it is due, with one timer', () => {
  const { time, dueMs, ended, timer } = waiting();
  const startMs = time.nowMs();
  for (const afterMs of [10, 10, 25]) {
    dueMs.push(startMs + afterMs);
    timer.arm();
  }
  for (let ms = 0; ms < 30; ms++) time.advance(1);
  expect(ended.map(([atMs, due]) => [atMs - startMs, due - startMs])).toEqual([
    [10, 10],
    [10, 10],
    [25, 25],
  ]);
});

it('does nothing when nobody waits, or once it is stopped, until it is armed again', () => {
  const { time, dueMs, ended, timer } = waiting();
  timer.arm();
  dueMs.push(time.nowMs() + 5);
  timer.arm();
  timer.stop();
  time.advance(20);
  expect(ended).toEqual([]);
  timer.arm();
  time.advance(1);
  expect(ended).toHaveLength(1);
});

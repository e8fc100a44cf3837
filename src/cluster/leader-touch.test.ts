/** Goal: it is noticed once, and in time, that nothing is heard of a leader any more. */
import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { LeaderTouch } from './leader-touch.ts';

function world() {
  const time = new ManualTime();
  const touch = new LeaderTouch(time, time, 2400);
  const lost: number[] = [];
  touch.onLost(() => lost.push(time.nowMs()));
  return { time, touch, lost };
}

it('a node has not heard of a leader at first, and loses none', () => {
  const { time, touch, lost } = world();
  expect(touch.isFresh).toBe(false);
  time.advance(10_000);
  expect(lost).toEqual([]);
});

it('a node tells when a leader has not been heard of for too long, once, and anew after it was heard of', () => {
  const { time, touch, lost } = world();
  touch.heard();
  time.advance(2399);
  expect([touch.isFresh, lost]).toEqual([true, []]);
  time.advance(1);
  expect([touch.isFresh, lost]).toEqual([false, [3400]]);
  time.advance(10_000);
  expect(lost).toEqual([3400]);
  touch.heard();
  expect(touch.isFresh).toBe(true);
  time.advance(2400);
  expect(lost).toEqual([3400, 15_800]);
});

it('silence counts from when it was heard of last, with one timer however often that is', () => {
  const { time, touch, lost } = world();
  for (let i = 0; i < 100; i++) {
    touch.heard();
    expect(time.timerCount).toBe(1);
    time.advance(100);
  }
  expect(lost).toEqual([]);
  time.advance(2299);
  expect(touch.isFresh).toBe(true);
  time.advance(1);
  expect([touch.isFresh, lost]).toEqual([false, [13_300]]);
});

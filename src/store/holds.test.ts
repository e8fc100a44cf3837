/** Goal: answers under way are bounded in number of references, bytes and time. */
import { expect, test } from 'vitest';
import { range, StoreWorld, TestTime } from '../../test/property/store-world.ts';
import { Segments } from '../index/index.ts';
import { Holds } from './holds.ts';
import { DEFAULT_LIMITS } from './limits.ts';

const limits = { ...DEFAULT_LIMITS, heldRunsMax: 100, heldBytesMax: 3000, pinMsMax: 1000 };

function make(): { holds: Holds; segments: Segments; time: TestTime } {
  const [segments, time] = [new Segments(1000), new TestTime()];
  return { holds: new Holds({ clock: time, segments, limits }), segments, time };
}

/** Fills a segment and drops it. */
function churn(segments: Segments): void {
  const { segment } = segments.reserve(1000);
  const dropped = segment;
  segments.reserve(1000);
  segments.drop(dropped);
}

test('promise 7: so many references, or bytes read back, and no further list begins', () => {
  const { holds } = make();
  const small = holds.hold({ runs: 99, ownBytes: 0 });
  expect(holds.isFull).toBe(false);
  const second = holds.hold({ runs: 1, ownBytes: 0 });
  expect([holds.isFull, holds.count]).toEqual([true, 2]);
  second.release();
  expect(holds.isFull).toBe(false);
  const own = holds.hold({ runs: 0, ownBytes: 3000 });
  expect(holds.isFull).toBe(true);
  own.release();
  small.release();
  expect([holds.isFull, holds.count]).toEqual([false, 0]);
});

test('promise 8: what the store has dropped since an answer began ends it, the oldest first', () => {
  const { holds, segments } = make();
  const first = holds.hold({ runs: 1, ownBytes: 0 });
  churn(segments);
  const second = holds.hold({ runs: 1, ownBytes: 0 });
  for (let count = 0; count < 2; count++) churn(segments);
  expect(first.isOverdue()).toBe(false);
  churn(segments);
  expect([first.isOverdue(), second.isOverdue()]).toEqual([true, false]);
});

test('promise 7: so does time', () => {
  const { holds, time } = make();
  const hold = holds.hold({ runs: 1, ownBytes: 0 });
  time.pause(1000);
  expect(hold.isOverdue()).toBe(false);
  time.pause(1);
  expect(hold.isOverdue()).toBe(true);
});

test('promise 7: a store with too many answers under way refuses lists, and nothing else', async () => {
  const world = await StoreWorld.open({ limits: { heldRunsMax: 10 } });
  const hold = world.store.hold({ runs: 10, ownBytes: 0 });
  expect(world.store.status().answersUnderWay).toBe(1);
  await expect(world.range(range('a', 'z'))).rejects.toMatchObject({ code: 'TooManyRequests' });
  expect((await world.range(range('a'))).count).toBe(0);
  hold.release();
  expect((await world.range(range('a', 'z'))).count).toBe(0);
});

import { expect, test } from 'vitest';
import { NodeClock, NodeRandom, NodeScheduler } from './runtime.ts';

test('the clock never goes back', () => {
  const clock = new NodeClock();
  const first = clock.nowMs();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(first);
});

test('what is scheduled runs once and can be cancelled', async () => {
  const scheduler = new NodeScheduler();
  const ran: string[] = [];
  // Its timers do not keep the process alive, so the test does.
  const alive = setInterval(() => undefined, 1000);
  scheduler.after(1, () => ran.push('cancelled'))();
  // One does not wait for the other: on a busy machine the five milliseconds may be over before the next turn.
  await Promise.all([
    new Promise<void>((resolve) => scheduler.soon(() => resolve(void ran.push('soon')))),
    new Promise<void>((resolve) => scheduler.after(5, () => resolve(void ran.push('after')))),
  ]);
  clearInterval(alive);
  expect(ran.toSorted()).toEqual(['after', 'soon']);
});

test('random numbers keep to their ranges', () => {
  const random = new NodeRandom();
  for (let i = 0; i < 1000; i++) {
    const fraction = random.next();
    expect(fraction >= 0 && fraction < 1).toBe(true);
    const id = random.next63();
    expect(id > 0n && id < 1n << 63n).toBe(true);
  }
});

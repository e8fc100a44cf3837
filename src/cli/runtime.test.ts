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
  scheduler.after(1, () => ran.push('cancelled'))();
  await new Promise<void>((resolve) => {
    scheduler.soon(() => ran.push('soon'));
    scheduler.after(5, () => {
      ran.push('after');
      resolve();
    });
    // Its timers do not keep the process alive, so the test does.
    setTimeout(() => undefined, 100);
  });
  expect(ran).toEqual(['soon', 'after']);
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

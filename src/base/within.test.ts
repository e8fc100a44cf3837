import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { within } from './within.ts';

const never = new Promise<void>(() => undefined);

it('waits for the work, and not for the time when that is done first', async () => {
  await within(new ManualTime(), 1000, Promise.resolve());
  await expect(within(new ManualTime(), 1000, Promise.reject(new Error('no')))).rejects.toThrow('no');
});

it('waits for the time at most', async () => {
  const time = new ManualTime();
  let isOver = false;
  const waiting = within(time, 1000, never).then(() => (isOver = true));
  time.advance(999);
  await Promise.resolve();
  expect(isOver).toBe(false);
  time.advance(1);
  await waiting;
});

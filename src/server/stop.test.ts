import { expect, test } from 'vitest';
import { Stop } from './stop.ts';

test('a stop runs every listener once, but not those that were removed or remove each other', () => {
  const stop = new Stop();
  const ran: string[] = [];
  const third = (): void => void ran.push('third');
  stop.add(() => {
    ran.push('first');
    stop.remove(third);
  });
  const second = (): void => void ran.push('second');
  stop.add(second);
  stop.add(third);
  stop.remove(second);
  stop.stop();
  stop.stop();
  expect(ran).toEqual(['first']);
});

import { expect, test } from 'vitest';
import { StreamEnds } from './stream-ends.ts';

test('an end runs every listener once, but not those that were removed or remove each other', () => {
  const ends = new StreamEnds();
  const ran: string[] = [];
  const third = (): void => void ran.push('third');
  ends.add(() => {
    ran.push('first');
    ends.remove(third);
  });
  const second = (): void => void ran.push('second');
  ends.add(second);
  ends.add(third);
  ends.remove(second);
  ends.endAll();
  ends.endAll();
  expect(ran).toEqual(['first']);
  ends.add(second);
  ends.endAll();
  expect(ran).toEqual(['first', 'second']);
});

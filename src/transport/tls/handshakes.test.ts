import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { Handshakes } from './handshakes.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function burn(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test('work is done in order, and a turn does no more than its time allows, ticks included', async () => {
  const handshakes = new Handshakes({ turnMsMax: 10 });
  const done: number[] = [];
  for (let i = 0; i < 6; i++) {
    // As Node does it: the costly part comes in the next tick.
    handshakes.add(() =>
      process.nextTick(() => {
        burn(6);
        done.push(i);
      }),
    );
  }
  const perTurn: number[] = [];
  while (done.length < 6) {
    const before = done.length;
    await turn();
    perTurn.push(done.length - before);
  }
  expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(2);
});

test('every turn does some, even if one alone takes too long', async () => {
  const handshakes = new Handshakes({ turnMsMax: 1 });
  let done = 0;
  for (let i = 0; i < 3; i++) {
    handshakes.add(() => {
      burn(5);
      done++;
    });
  }
  for (let i = 1; i <= 3; i++) {
    await turn();
    expect(done).toBe(i);
  }
});

test('what others made of a turn counts, but for a share that is always left', async () => {
  const handshakes = new Handshakes({ turnMsMax: 100, workMsMin: 10 });
  let done = 0;
  const add = (): boolean =>
    handshakes.add(() => {
      burn(6);
      done++;
    });
  for (let i = 0; i < 20; i++) add();
  burn(200);
  await turn();
  expect(done).toBeGreaterThanOrEqual(1);
  expect(done).toBeLessThanOrEqual(2);
});

test('promise 7: what is too much is refused', async () => {
  const handshakes = new Handshakes({ waitingMax: 2 });
  let done = 0;
  const add = (): boolean => handshakes.add(() => done++);
  expect([add(), add(), add()]).toEqual([true, true, false]);
  await turn();
  expect(done).toBe(2);
  expect(add()).toBe(true);
});

test('others wait for handshakes that wait for their clients, but not for long', async () => {
  // So long that none grows old before it is looked at, even if the process stands still meanwhile.
  const handshakes = new Handshakes({ youngMax: 2, youngMs: 2000 });
  const ends: (() => void)[] = [];
  for (let i = 0; i < 5; i++) handshakes.add(() => ends.push(handshakes.begin()));
  await turn();
  await turn();
  expect(ends).toHaveLength(2);
  ends[0]!();
  ends[0]!();
  await turn();
  await turn();
  expect(ends).toHaveLength(3);
  await expect.poll(() => ends.length, { timeout: 60_000 }).toBe(5);
  // Ended twice, or late, is ended once.
  for (const end of ends) end();
  handshakes.add(() => ends.push(handshakes.begin()));
  await turn();
  await turn();
  expect(ends).toHaveLength(6);
});

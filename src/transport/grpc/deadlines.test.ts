/** Goal: every deadline expires once, never early and soon after. Method: a wheel in virtual time, random deadlines. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cancel, Clock, Scheduler } from '../../base/index.ts';
import { Deadlines, type Deadline } from './deadlines.ts';

/** Time passes in `advance` only, timer by timer. */
class Time implements Clock, Scheduler {
  timersSet = 0;
  #nowMs: number;
  #timers: { atMs: number; run: () => void }[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  soon(): void {
    throw new Error('the wheel needs no turns');
  }

  after(delayMs: number, run: () => void): Cancel {
    this.timersSet++;
    // Node's timers count whole milliseconds.
    const timer = { atMs: this.#nowMs + Math.trunc(delayMs), run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** The process stood still: what was due meanwhile comes late. */
  pause(ms: number): void {
    this.#nowMs += ms;
  }
}

const lateMsMax = 9;

test('deadlines expire in time, once, and not when they were removed', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      ms: fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.integer({ max: 40_000 })),
    }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.oneof(fc.nat(20), fc.nat(20_000)) }),
  );
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(step, { maxLength: 60 }), (startMs, steps) => {
      const time = new Time(startMs + 0.25);
      const wheel = new Deadlines(time, time);
      const waiting = new Map<number, Deadline>();
      const expired = new Set<number>();
      let next = 0;
      for (const each of steps) {
        if (each.kind === 'add') {
          const id = next++;
          const atMs = time.nowMs() + each.ms;
          const expire = (): void => {
            expect(expired.has(id) || !waiting.has(id)).toBe(false);
            expect(time.nowMs()).toBeGreaterThanOrEqual(atMs);
            expect(time.nowMs() - Math.max(atMs, 0)).toBeLessThanOrEqual(Math.max(0, -each.ms) + lateMsMax);
            expired.add(id);
            waiting.delete(id);
          };
          waiting.set(id, wheel.add(atMs, { expire }));
        } else if (each.kind === 'remove') {
          const [id, deadline] = [...waiting][each.which % Math.max(waiting.size, 1)] ?? [];
          if (id === undefined || deadline === undefined) continue;
          wheel.remove(deadline);
          wheel.remove(deadline);
          waiting.delete(id);
        } else time.advance(each.ms);
        expect(wheel.count).toBe(waiting.size);
      }
      time.advance(60_000);
      expect(waiting.size).toBe(0);
      expect(wheel.count).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('what an expiry adds and removes counts at once', () => {
  const time = new Time(5);
  const wheel = new Deadlines(time, time);
  const order: string[] = [];
  const third = wheel.add(1000, { expire: () => order.push('removed') });
  wheel.add(900, {
    expire: () => {
      order.push('first');
      wheel.remove(third);
      wheel.add(time.nowMs() + 5000, { expire: () => order.push('last') });
    },
  });
  wheel.add(950, { expire: () => order.push('second') });
  time.advance(2000);
  expect(order).toEqual(['first', 'second']);
  time.advance(5000);
  expect(order).toEqual(['first', 'second', 'last']);
});

test('a process that stood still expires all that was due', () => {
  const time = new Time(0);
  const wheel = new Deadlines(time, time);
  let expired = 0;
  for (let ms = 1; ms <= 20_000; ms += 7) wheel.add(ms, { expire: () => expired++ });
  const waiting = wheel.count;
  time.pause(30_000);
  time.advance(1);
  expect(expired).toBe(waiting);
});

test('calls with the same timeout need no timer each', () => {
  const time = new Time(0);
  const wheel = new Deadlines(time, time);
  for (let i = 0; i < 10_000; i++) {
    wheel.remove(wheel.add(time.nowMs() + 5000, { expire: () => undefined }));
    time.advance(1);
  }
  expect(time.timersSet).toBeLessThan(20);
});

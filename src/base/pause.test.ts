import { describe, expect, it } from 'vitest';
import type { Scheduler } from './clock.ts';
import { pause } from './pause.ts';

/** Timers that run when a test says so. */
class Timers implements Scheduler {
  readonly waiting = new Set<() => void>();

  soon(run: () => void): void {
    run();
  }
  after(_delayMs: number, run: () => void): () => void {
    this.waiting.add(run);
    return () => void this.waiting.delete(run);
  }
}

describe('a pause', () => {
  it('ends after its time', async () => {
    const timers = new Timers();
    const ended = pause(timers, 10, undefined);
    for (const run of timers.waiting) run();
    await ended;
    expect(timers.waiting.size).toBe(0);
  });

  it('ends at once when it is aborted, before or meanwhile, and takes its timer with it', async () => {
    const timers = new Timers();
    const abort = new AbortController();
    const ended = pause(timers, 10, abort.signal);
    expect(timers.waiting.size).toBe(1);
    abort.abort();
    await ended;
    expect(timers.waiting.size).toBe(0);
    await pause(timers, 10, abort.signal);
    expect(timers.waiting.size).toBe(0);
  });
});

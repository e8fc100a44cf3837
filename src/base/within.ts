import type { Scheduler } from './clock.ts';
import { pause } from './pause.ts';

/** Waits for `work`, but not longer; rejects as it does until then. Leaves no timer behind. */
export async function within(scheduler: Scheduler, delayMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, pause(scheduler, delayMs, done.signal)]);
  } finally {
    done.abort();
  }
}

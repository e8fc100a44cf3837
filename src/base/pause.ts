import type { Scheduler } from './clock.ts';
import type { EndSignal } from './either-signal.ts';

/** Resolves after `delayMs`, or at once when `signal` is or becomes aborted. Leaves no timer and no listener behind. */
export function pause(scheduler: Scheduler, delayMs: number, signal: EndSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = (): void => {
      signal?.removeEventListener('abort', finish);
      cancel();
      resolve();
    };
    const cancel = scheduler.after(delayMs, finish);
    signal?.addEventListener('abort', finish);
  });
}

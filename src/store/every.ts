import type { Cancel, Scheduler } from '../base/index.ts';

/** Calls `run` again and again, `delayMs` after it has returned, until it is cancelled. */
export function every(scheduler: Scheduler, delayMs: number, run: () => void): Cancel {
  let cancel: Cancel = () => undefined;
  const arm = (): void => {
    cancel = scheduler.after(delayMs, () => {
      run();
      arm();
    });
  };
  arm();
  return () => cancel();
}

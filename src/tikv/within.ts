import type { Backoff } from './backoff.ts';
import type { TikvEnvironment } from './environment.ts';

/**
 * Waits for work that others wait for too, and that goes on without the caller: until it has ended, well or not, at most
 * `delayMs`, and no longer than the caller's own budget and signal allow: then it rejects as `Backoff.wait` does.
 */
export async function within(
  environment: TikvEnvironment,
  { work, delayMs = Infinity }: { work: Promise<unknown>; delayMs?: number },
  backoff: Backoff,
): Promise<void> {
  const cause = new Error('No answer from the placement driver');
  backoff.check(cause);
  const { signal } = backoff;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = environment.scheduler.after(Math.min(delayMs, backoff.leftMs), done);
    signal?.addEventListener('abort', done);
    work.then(done, done);
  });
  backoff.check(cause);
}

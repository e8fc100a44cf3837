import type { Random } from './random.ts';

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after an attempt that came to nothing, counted from 0: twice as long each time, up to `maxMs`. Of that
 * at least half, and the rest by chance, so that those who failed together do not try again together.
 */
export function backoffMs(random: Random, { firstMs, maxMs }: BackoffLimits, attempt: number): number {
  const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return delayMs * (0.5 + random.next() / 2);
}

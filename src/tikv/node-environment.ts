import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { silentLogger } from '../base/index.ts';
import type { TikvEnvironment } from './environment.ts';

/**
 * Time and chance of the process. Its timers keep the process alive: while a call waits before it asks again, nothing
 * else may. A client that is closed has none.
 */
export const nodeEnvironment: TikvEnvironment = {
  clock: { nowMs: () => performance.now() },
  scheduler: {
    soon: (run) => void setImmediate(run),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  },
  random: {
    next: () => Math.random(),
    next63: () => randomBytes(8).readBigUInt64BE() >> 1n || 1n,
  },
  logger: silentLogger,
};

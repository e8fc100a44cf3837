import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Cancel, Clock, Random, Scheduler } from '../base/index.ts';

/** The monotonic clock of the process. */
export class NodeClock implements Clock {
  nowMs(): number {
    return performance.now();
  }
}

/** The timers of the process. None of them keeps it alive. */
export class NodeScheduler implements Scheduler {
  soon(run: () => void): void {
    setImmediate(run);
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  }
}

/** Numbers from the system's source. */
export class NodeRandom implements Random {
  next(): number {
    // 48 bits: as many as Buffer reads at once, far more than any jitter needs.
    return randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
  }

  next63(): bigint {
    return randomBytes(8).readBigUInt64BE() >> 1n || 1n;
  }
}

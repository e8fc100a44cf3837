import { performance } from 'node:perf_hooks';

/** Thrown when code under simulation reads a clock or a random source that is not the world's. */
export class DeterminismViolationError extends Error {
  override readonly name = 'DeterminismViolationError';
}

/** Replaces the ambient sources of time and chance while a simulation runs; returns what puts them back. */
export function guardDeterminism(): () => void {
  const forbid = (name: string) => () => {
    throw new DeterminismViolationError(
      `Cannot call ${name} in a simulation: use the clock, scheduler or random source given`,
    );
  };
  const saved = {
    now: Date.now,
    random: Math.random,
    performance: performance.now.bind(performance),
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
  };
  Date.now = forbid('Date.now');
  Math.random = forbid('Math.random');
  performance.now = forbid('performance.now');
  globalThis.setTimeout = forbid('setTimeout') as unknown as typeof setTimeout;
  globalThis.setInterval = forbid('setInterval');
  return () => {
    Date.now = saved.now;
    Math.random = saved.random;
    performance.now = saved.performance;
    globalThis.setTimeout = saved.setTimeout;
    globalThis.setInterval = saved.setInterval;
  };
}

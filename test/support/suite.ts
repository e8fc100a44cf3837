/** The frame of a suite that is a program: checks run in order, each timed; the last line counts them. */

import { killChildren } from './process.ts';

/** Thrown by a check that cannot be done here; the suite counts it as skipped and says why. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}

export interface Suite {
  /** Runs one check; a failure is printed and counted, and the suite goes on. */
  check(name: string, run: () => Promise<void>): Promise<void>;
  skip(name: string, reason: string): void;
  /** Prints the closing line and sets the exit code. */
  finish(): void;
}

export const print = (line: string): boolean => process.stdout.write(`${line}\n`);

export function suite(title: string): Suite {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const startedMs = Date.now();
  const seconds = (sinceMs: number) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
  return {
    async check(name, run) {
      const checkMs = Date.now();
      try {
        await run();
        counts.passed++;
        print(`ok ${name} (${seconds(checkMs)})`);
      } catch (error) {
        if (error instanceof Skipped) return this.skip(name, error.message);
        counts.failed++;
        print(
          `FAILED ${name} (${seconds(checkMs)}): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      }
    },
    skip(name, reason) {
      counts.skipped++;
      print(`SKIPPED ${name}: ${reason}`);
    },
    finish() {
      killChildren();
      print(`${title} took ${seconds(startedMs)}`);
      print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
      process.exitCode = counts.failed > 0 ? 1 : 0;
    },
  };
}

/** Tries until `probe` gives something, or the time is over. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > untilMs) throw new Error(`Cannot see ${what} within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs `work` for 0..count-1, at most `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

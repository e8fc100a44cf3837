import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { Suite } from '../support/suite.ts';
import { print } from '../support/suite.ts';
import type { ChurnOptions } from './churn.ts';
import { within } from './memory.ts';

const PAUSE_MS_MAX = 20;
const WINDOWS = 5;

export interface PauseSizes {
  readonly keys: number;
  readonly windowMs: number;
}

export const PAUSES_FULL: PauseSizes = { keys: 5_000_000, windowMs: 10_000 };
export const PAUSES_SHORT: PauseSizes = { keys: 300_000, windowMs: 2000 };

/** What an idle process sees meanwhile is the machine's doing: this one is idle, and is subtracted. */
export async function checkPauses(suite: Suite, { keys, windowMs }: PauseSizes): Promise<void> {
  for (const engine of ['memory', 'level'] as const) {
    await suite.check(`pauses: ${keys.toLocaleString('en')} keys under churn on ${engine}`, async () => {
      const pauses = await churn({ engine, keys, windowMs, windows: WINDOWS });
      pauses.sort((a, b) => a - b);
      within('median of the longest pauses (ms)', pauses[pauses.length >> 1]!, PAUSE_MS_MAX);
    });
  }
}

async function churn(options: ChurnOptions): Promise<number[]> {
  const args = ['--import', 'tsx', join(import.meta.dirname, 'churn.ts'), JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const idle = monitorEventLoopDelay({ resolution: 1 });
  idle.enable();
  const pauses: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const { maxMs, p99Ms, perSecond } = JSON.parse(line) as {
      maxMs: number;
      p99Ms: number;
      perSecond: number;
    };
    const idleMs = idle.max / 1e6;
    idle.reset();
    pauses.push(Math.max(0, maxMs - idleMs));
    print(
      `  longest ${maxMs.toFixed(1)} ms, idle process ${idleMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${perSecond} changes/s`,
    );
  }
  idle.disable();
  const code = await ended;
  if (code !== 0 || pauses.length !== options.windows) throw new Error(`Cannot churn: it ended with ${code}`);
  return pauses;
}

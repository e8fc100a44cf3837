import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './figures.ts';

/** Where and on what a run was made. Figures of two machines are never compared. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly commit: string;
  /** Median of 4 KiB appended and synced: what a durable figure stands on. */
  readonly syncMicros: number;
  /** Of the last minute, at the start: above the number of cores, elapsed times mean little. */
  readonly load: number;
}

/** `directory` is on the disk whose syncs are to be timed. */
export function machine(directory = tmpdir()): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    commit: commit(),
    syncMicros: syncMicros(directory),
    load: loadavg()[0]!,
  };
}

/** With a plus when there are changes that no commit has. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    const isDirty = git('status', '--porcelain', '--', '../src').trim() !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${isDirty ? '+' : ''}`;
  } catch {
    // A copy of the sources without their history.
    return 'unknown';
  }
}

function syncMicros(parent: string): number {
  const directory = mkdtempSync(join(parent, 'engram-bench-'));
  const file = openSync(join(directory, 'sync'), 'w');
  const block = Buffer.alloc(4096, 1);
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    times.push((performance.now() - start) * 1000);
  }
  closeSync(file);
  rmSync(directory, { recursive: true });
  return Math.round(median(times));
}

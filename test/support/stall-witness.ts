/**
 * The program that `MachineStalls` runs: prints each span of the monotonic clock, `fromMs toMs`, in which the machine
 * kept it waiting for a core that it asked for, or, given a directory, for the disk there.
 */
import { fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from './monotonic.ts';

const EVERY_MS = 10;
/** Waiting less is what every program does all the time. */
const STALL_MS_MIN = 20;

const [directory] = process.argv.slice(2);
const descriptor = directory === undefined ? undefined : openedUnnamed(directory);
const page = Buffer.alloc(4096, 1);

function look(dueMs: number): void {
  if (descriptor !== undefined) {
    writeSync(descriptor, page, 0, page.length, 0);
    fdatasyncSync(descriptor);
  }
  const nowMs = monotonicMs();
  if (nowMs - dueMs >= STALL_MS_MIN) process.stdout.write(`${dueMs} ${nowMs}\n`);
  setTimeout(look, EVERY_MS, nowMs + EVERY_MS);
}

/** A file that is gone with its process, however that ends. */
function openedUnnamed(parent: string): number {
  const file = join(parent, `stall-witness-${process.pid}`);
  const opened = openSync(file, 'w');
  unlinkSync(file);
  return opened;
}

process.once('disconnect', () => process.exit());
look(monotonicMs());
process.send?.('looking');

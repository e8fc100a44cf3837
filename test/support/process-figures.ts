import { readFileSync } from 'node:fs';

/** Ticks in which Linux reports CPU time (USER_HZ, 100 on every architecture that Node runs on). */
const TICK_MICROS = 10_000;

/** User and system time of a process so far, in microseconds, without what its children took. */
export function processCpuMicros(pid: number): number {
  // The name of the program, in brackets, may hold anything.
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}

/** Resident memory of a process in bytes, and what of it is anonymous: the rest is of files. */
export function residentBytes(pid: number): { resident: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return { resident: field('VmRSS'), anonymous: field('RssAnon') };
}

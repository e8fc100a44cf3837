import { readFileSync } from 'node:fs';

/** What a trace of system calls says about LevelDB's log files. */
export interface Trace {
  /** Completed syncs of files in the data directory. */
  readonly syncs: number;
  /** Path -> bytes that had been written before a sync of that file began that completed later. */
  readonly syncedBytes: ReadonlyMap<string, number>;
  readonly writtenBytes: ReadonlyMap<string, number>;
}

/** Traces into `output`; each sync begins so many milliseconds later than it is called. */
export const straceCommand = (output: string, syncDelayMs = 0): string[] => [
  'strace', '-f', '-y', '-s', '0', '-e', 'trace=write,fdatasync,fsync', '-o', output,
  ...(syncDelayMs > 0 ? ['-e', `inject=fdatasync,fsync:delay_enter=${syncDelayMs * 1000}`] : []),
]; // prettier-ignore

const CALL = /^(\d+)\s+(write|fdatasync|fsync)\(\d+<([^>]*)>(.*)$/;
const RESUMED = /^(\d+)\s+<\.\.\. (write|fdatasync|fsync) resumed>.*= (-?\d+)/;

interface Begun {
  readonly name: string;
  readonly path: string;
  /** For a sync: how much of the file had been written when it began. */
  readonly coveredBytes: number;
}

/** Reads the output of `strace -f -y`; a call that another thread interrupts is written in two lines. */
export function readTrace(file: string, directory: string): Trace {
  const [written, synced] = [new Map<string, number>(), new Map<string, number>()];
  const begun = new Map<string, Begun>();
  let syncs = 0;
  const end = (call: Begun, result: number) => {
    if (result < 0 || !call.path.startsWith(directory)) return;
    if (call.name === 'write') {
      written.set(call.path, (written.get(call.path) ?? 0) + result);
      return;
    }
    syncs++;
    synced.set(call.path, Math.max(synced.get(call.path) ?? 0, call.coveredBytes));
  };
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const resumed = RESUMED.exec(line);
    if (resumed !== null) {
      const call = begun.get(resumed[1]!);
      if (call !== undefined) end(call, Number(resumed[3]));
      continue;
    }
    const [, thread, name, path, rest] = CALL.exec(line) ?? [];
    if (thread === undefined || name === undefined || path === undefined) continue;
    const call = { name, path, coveredBytes: written.get(path) ?? 0 };
    const result = /= (-?\d+)/.exec(rest ?? '');
    if (result === null) begun.set(thread, call);
    else end(call, Number(result[1]));
  }
  return { syncs, syncedBytes: synced, writtenBytes: written };
}

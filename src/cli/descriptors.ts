import { readFileSync } from 'node:fs';

/** Files that LevelDB keeps open at most (a thousand), and what else is open in the process. */
const reserved = 1_200;

/** Few, but a server whose limit is that low still serves. */
const connectionsMin = 64;

/** How many connections the process can have open by its limit on files; undefined where the system does not tell. */
export function connectionsByDescriptors(limits: () => string = readLimits): number | undefined {
  let text: string;
  try {
    text = limits();
  } catch {
    return undefined; // Not Linux: the transport's own bound holds.
  }
  const files = Number(/^Max open files\s+(\d+)/m.exec(text)?.[1]);
  return Number.isNaN(files) ? undefined : Math.max(connectionsMin, files - reserved);
}

function readLimits(): string {
  return readFileSync('/proc/self/limits', 'latin1');
}

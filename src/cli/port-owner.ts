import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes looked at in search of one that holds a port, at most. */
const processesMax = 10_000;

/** The process that listens on a TCP port of this machine, where the system shows it (Linux); undefined when unknown. */
export function findPortOwner(port: number): { pid: number; command: string } | undefined {
  try {
    const inodes = listeningInodes(port);
    return inodes.size === 0 ? undefined : processWithSocket(inodes);
  } catch {
    // Not Linux, or not allowed to look: the message does without it.
    return undefined;
  }
}

/** Inodes of the sockets in state LISTEN (0A) on the port, from lines like `0: 0100007F:094B 00000000:0000 0A ... inode`. */
function listeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) === true && fields[3] === '0A') inodes.add(String(fields[9]));
    }
  }
  return inodes;
}

function processWithSocket(inodes: ReadonlySet<string>): { pid: number; command: string } | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, processesMax)) {
    if (!holdsSocket(pid, inodes)) continue;
    return { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
  }
  return undefined;
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false; // Another user's process, or one that has just ended.
  }
  return descriptors.some((descriptor) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    } catch {
      return false; // Closed meanwhile.
    }
  });
}

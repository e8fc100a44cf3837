/** etcd's tests use fixed ports. In a network of its own each test has them for itself, whoever else is on the machine. */

import { createServer } from 'node:net';
import { run } from '../support/process.ts';

export interface Network {
  /** Tests at a time. */
  readonly width: number;
  /** The words in front of a command that is to run in it. */
  readonly prefix: readonly string[];
}

/** The first ports of a test's server, and those of a server that is told of none. */
const PORTS = [20_000, 20_001, 20_002, 20_004, 2379, 2380];

/** Without the right to make networks: that of the machine, for one test at a time. Undefined if its ports are taken. */
export async function findNetwork(): Promise<Network | undefined> {
  const root = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const spaces = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child'];
  const prefix = ['unshare', ...root, ...spaces, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const { code } = await run(prefix[0]!, [...prefix.slice(1), 'true']);
  if (code === 0) return { width: 2, prefix };
  const free = await Promise.all(PORTS.map(isFree));
  return free.every(Boolean) ? { width: 1, prefix: [] } : undefined;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

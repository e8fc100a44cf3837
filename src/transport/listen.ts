import { lstat, unlink } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';
import { TransportError } from './errors.ts';

/** What `sockaddr_un` holds of a path, with the byte that ends it. */
const pathBytesMax = process.platform === 'linux' ? 107 : 103;

/** Starts to listen; rejects with TransportError, which names what is `shown`. */
export function listen(server: Server, options: ListenOptions, shown: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(listenError(shown, cause));
    server.once('error', failed);
    server.listen(options, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** The path of a `unix://` or `unixs://` URL, as etcd reads it: all that follows. Undefined for other URLs. */
export function unixPathOf(url: string): string | undefined {
  return /^unixs?:\/\/(.+)$/i.exec(url)?.[1];
}

/**
 * Listens at a path. A socket that a process left behind when it ended is replaced; anything else that is there stays. When
 * the server closes, Node removes the socket.
 */
export async function listenAtPath(server: Server, path: string, backlog: number): Promise<void> {
  // Node cuts a longer one without a word, and listens where nobody looks.
  if (Buffer.byteLength(path) > pathBytesMax) {
    throw new TransportError('addressUnavailable', path, {
      detail: `the path of a socket has at most ${pathBytesMax} bytes`,
    });
  }
  try {
    await listen(server, { path, backlog }, path);
  } catch (error) {
    if (!(error instanceof TransportError) || error.code !== 'addressInUse') throw error;
    if (!(await isLeftBehind(path))) throw error;
    await unlink(path);
    await listen(server, { path, backlog }, path);
  }
}

/** It is a socket, and nobody listens there. */
async function isLeftBehind(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function listenError(address: string, cause: Error): TransportError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return new TransportError('addressInUse', address, { detail: 'address already in use', cause });
  return new TransportError('addressUnavailable', address, { detail: cause.message, cause });
}

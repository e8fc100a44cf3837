import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TransportError } from './errors.ts';

/** Connections waiting to be accepted, at most; the system may have a lower bound. */
const backlogMax = 1024;

/**
 * A TCP port and the connections accepted on it, so that both can be closed at will whatever protocol is spoken on them.
 */
export class Listener {
  /** The URL with the real port. */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** Listens at an `http://host:port` URL and hands every connection to `accept`. */
  static open(url: string, accept: (socket: Socket) => void): Promise<Listener> {
    const { host, port, shown } = parseListenUrl(url);
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      accept(socket);
    });
    return new Promise((resolve, reject) => {
      const failed = (cause: Error): void => reject(listenError(shown, cause));
      server.once('error', failed);
      server.listen({ host, port, backlog: backlogMax }, () => {
        server.off('error', failed);
        const real = (server.address() as AddressInfo).port;
        const shownHost = host.includes(':') ? `[${host}]` : host;
        resolve(new Listener(`http://${shownHost}:${real}`, server, sockets));
      });
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Accepts no more connections; those that are open go on. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Stops, and closes every connection at once. */
  destroy(): void {
    this.stop();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Takes an `http://host:port` URL apart; the port is 80 when none is given, as in every such URL. */
export function parseListenUrl(url: string): { host: string; port: number; shown: string } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TransportError('invalidUrl', url, { detail: 'not a URL', cause });
  }
  if (parsed.protocol !== 'http:') {
    throw new TransportError('invalidUrl', url, {
      detail: `scheme ${parsed.protocol}// is not served, use http://`,
    });
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const port = parsed.port === '' ? 80 : Number(parsed.port);
  return { host, port, shown: `${parsed.hostname}:${port}` };
}

function listenError(address: string, cause: Error): TransportError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE')
    return new TransportError('addressInUse', address, { detail: 'address already in use', cause });
  return new TransportError('addressUnavailable', address, { detail: cause.message, cause });
}

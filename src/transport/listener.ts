import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TransportError } from './errors.ts';

/** Connections waiting to be accepted, at most; the system may have a lower bound. */
const backlogMax = 1024;

/** Connections that wait until somebody serves them, at most; more are closed. */
const unservedMax = 1024;

/**
 * A TCP port and the connections accepted on it, so that both can be closed at will whatever protocol is spoken on them.
 * Connections that come before `serve` wait for it, so that a port can be claimed before anything else is done.
 */
export class Listener {
  /** The URL with the real port. */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #accept: ((socket: Socket) => void) | undefined;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
    server.on('connection', (socket) => this.#accepted(socket));
  }

  /** Listens at an `http://host:port` URL; port 0 lets the system choose. Rejects with TransportError. */
  static async open(url: string): Promise<Listener> {
    const { host, port, shown } = parseListenUrl(url);
    const server = createServer({ noDelay: true, keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => reject(listenError(shown, cause));
      server.once('error', failed);
      server.listen({ host, port, backlog: backlogMax }, () => {
        server.off('error', failed);
        resolve();
      });
    });
    const shownHost = host.includes(':') ? `[${host}]` : host;
    return new Listener(`http://${shownHost}:${(server.address() as AddressInfo).port}`, server);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Hands every connection to `accept`, first those that wait. */
  serve(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#sockets) accept(socket);
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

  #accepted(socket: Socket): void {
    if (this.#accept === undefined && this.#sockets.size >= unservedMax) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#accept === undefined) socket.once('error', () => socket.destroy());
    else this.#accept(socket);
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

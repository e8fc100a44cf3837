import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { assert, bareHost, silentLogger, type Logger, type RareLog } from '../base/index.ts';
import { TransportError } from './errors.ts';
import { listen, listenAtPath, unixPathOf } from './listen.ts';
import { rareLog } from './rare-log.ts';
import type { TlsAcceptor } from './tls/acceptor.ts';

/** Connections waiting to be accepted by the system, at most; it may have a lower bound. */
const backlogMax = 1024;

/** Connections that wait until somebody serves them, at most; more are closed. */
const unservedMax = 1024;

/**
 * When a client has been silent for this long, the system asks whether it is still there, as for etcd: one whose machine or
 * network is gone is noticed, and what stands between may not forget the connection. After ten questions, a second apart
 * (Node sets that), it is closed.
 */
const silenceMsMax = 30_000;

const secureSchemes = /^(https|unixs):/i;

/** Open connections, where nobody says otherwise. */
const defaultConnectionsMax = 65_536;

/** What is served on a port, in etcd's words: gRPC, everything else over HTTP, or both. */
export type Traffic = 'grpc+http' | 'grpc' | 'http';

export interface ListenOptions {
  /** Needed for `https://`, and not used for `http://`. */
  readonly tls?: TlsAcceptor | undefined;
  /** Default: both. */
  readonly traffic?: Traffic;
  /** Open connections at most; what comes then is closed at once. */
  readonly connectionsMax?: number;
  readonly logger?: Logger;
}

/**
 * A TCP port or a Unix socket and the connections accepted on it, so that both can be closed at will whatever protocol is
 * spoken on them. Connections that come before `serve` wait for it, so that a port can be claimed before anything else is done.
 */
export class Listener {
  /** The URL with the real port. */
  readonly url: string;
  /** Connections are TLS. */
  readonly isSecure: boolean;
  readonly traffic: Traffic;
  readonly #server: Server;
  readonly #tls: TlsAcceptor | undefined;
  readonly #connectionsMax: number;
  readonly #log: RareLog;
  readonly #sockets = new Set<Socket>();
  #plain: Listener | undefined;
  #accept: ((socket: Socket) => void) | undefined;

  private constructor(url: string, server: Server, options: ListenOptions) {
    this.url = url;
    this.traffic = options.traffic ?? 'grpc+http';
    this.#server = server;
    this.isSecure = secureSchemes.test(url);
    this.#tls = this.isSecure ? options.tls : undefined;
    this.#connectionsMax = options.connectionsMax ?? defaultConnectionsMax;
    this.#log = rareLog(options.logger ?? silentLogger);
  }

  /**
   * Listens at an `http(s)://host:port` URL, of which port 0 lets the system choose, or at a `unix(s)://path` one. Rejects
   * with TransportError.
   */
  static async open(url: string, options: ListenOptions = {}): Promise<Listener> {
    const isSecure = secureSchemes.test(url);
    if (isSecure && options.tls === undefined) {
      const [scheme] = url.split(':');
      throw new TransportError('invalidUrl', url, { detail: `${scheme}:// needs a certificate and a key` });
    }
    // With TLS, connections are read in their turn: see Handshakes.
    const server = createServer({
      ...{ noDelay: true, keepAlive: true, keepAliveInitialDelay: silenceMsMax },
      pauseOnConnect: isSecure,
    });
    const path = unixPathOf(url);
    if (path !== undefined) {
      await listenAtPath(server, path, backlogMax);
      return new Listener(url, server, options).#start();
    }
    const { scheme, host, port, shown } = parseListenUrl(url);
    await listen(server, { host, port, backlog: backlogMax }, shown);
    const shownHost = host.includes(':') ? `[${host}]` : host;
    const realUrl = `${scheme}://${shownHost}:${(server.address() as AddressInfo).port}`;
    return new Listener(realUrl, server, options).#start();
  }

  /**
   * Plain text on the port of this listener, which has TLS: from now on a connection that does not begin with TLS is one of
   * the listener that is returned, as in etcd where a port is in a list with both schemes. Whoever stops one stops both.
   */
  withPlainText(options: Omit<ListenOptions, 'tls'> = {}): Listener {
    assert(this.isSecure, 'plain text is added to a port with TLS');
    const url = this.url.replace(/^(http|unix)s:/i, '$1:');
    this.#plain = new Listener(url, this.#server, { traffic: this.traffic, ...options });
    return this.#plain;
  }

  #start(): this {
    this.#server.on('connection', (socket) => this.#accepted(socket));
    return this;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * Hands every connection to `accept`, first those that wait: a socket of which nothing has been read or, on an https
   * port, a TLSSocket whose handshake is done.
   */
  serve(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#sockets) this.#handOn(socket, accept);
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
    const connectionsMax = this.#accept === undefined ? unservedMax : this.#connectionsMax;
    if (this.#sockets.size >= connectionsMax) {
      this.#log.warn('closed a connection: too many are open', {
        peer: socket.remoteAddress,
        connectionsMax,
      });
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Node closes a socket that fails; without a listener the failure would end the process.
    socket.on('error', ignore);
    if (this.#accept !== undefined) this.#handOn(socket, this.#accept);
  }

  #handOn(socket: Socket, accept: (socket: Socket) => void): void {
    if (this.#tls === undefined) {
      accept(socket);
      // One that began on a port with TLS is paused, and its first bytes are still to be read.
      if (socket.isPaused()) socket.resume();
      return;
    }
    const secured = (secure: Socket): void => {
      secure.on('error', ignore);
      accept(secure);
    };
    const plain = this.#plain;
    this.#tls.accept(socket, secured, plain === undefined ? undefined : (first) => plain.#accepted(first));
  }
}

function ignore(): void {
  // `close` follows, and whoever has the socket listens to that.
}

/** Takes an `http(s)://host:port` URL apart; without a port it is the scheme's, as in every such URL. */
export function parseListenUrl(url: string): {
  scheme: 'http' | 'https';
  host: string;
  port: number;
  shown: string;
} {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TransportError('invalidUrl', url, { detail: 'not a URL', cause });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new TransportError('invalidUrl', url, {
      detail: `scheme ${parsed.protocol}// is not served, use http://, https://, unix:// or unixs://`,
    });
  }
  const scheme = parsed.protocol === 'https:' ? 'https' : 'http';
  const host = bareHost(parsed);
  const port = parsed.port === '' ? (scheme === 'https' ? 443 : 80) : Number(parsed.port);
  return { scheme, host, port, shown: `${parsed.hostname}:${port}` };
}

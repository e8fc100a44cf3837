import type { Socket } from 'node:net';
import { createServer, type Server, type TlsOptions as ServerOptions, type TLSSocket } from 'node:tls';
import type { Logger, RareLog } from '../../base/index.ts';
import { rareLog } from '../rare-log.ts';
import { tlsRecord } from '../sniff.ts';
import { WaitingSockets } from '../waiting-sockets.ts';
import { clientObjection } from './client-check.ts';
import { Credentials } from './credentials.ts';
import { Handshakes } from './handshakes.ts';
import type { TlsOptions } from './options.ts';

/** Gets a connection whose handshake is done and whose client may come in. */
export type Secured = (socket: TLSSocket) => void;

/** Gets a connection that does not begin with TLS. It is paused, and its first bytes are still to be read. */
export type Plain = (socket: Socket) => void;

export interface TlsLimits {
  /** A handshake may take this long after the client's first bytes, which may take as long. As in etcd: 10 s. */
  readonly handshakeMsMax?: number;
  /** Connections on which a client's part of the handshake is awaited, at most; the oldest makes room. */
  readonly waitingMax?: number;
  readonly handshakes?: Handshakes;
}

const defaultHandshakeMsMax = 10_000;
const defaultWaitingMax = 4096;

interface Entry {
  readonly raw: Socket;
  readonly secured: Secured;
  readonly plain: Plain | undefined;
  /** Called when the client has done its part, or has left. */
  end?: () => void;
}

/**
 * Does the server's part of TLS on accepted connections; one for all ports of a process.
 *
 * 1. A handshake begins only when the client's first byte has come and is TLS, and in its turn (`Handshakes`).
 * 2. Whoever cannot be verified, is revoked, or has a name that is not allowed, is never handed on.
 */
export class TlsAcceptor {
  readonly #options: TlsOptions;
  readonly #credentials: Credentials;
  readonly #handshakes: Handshakes;
  readonly #waiting: WaitingSockets;
  readonly #log: RareLog;
  readonly #server: Server;
  /** Handshakes under way, by addresses: Node's server does not tell which connection one of its sockets is made of. */
  readonly #entries = new Map<string, Entry>();

  private constructor(options: TlsOptions, logger: Logger, limits: TlsLimits) {
    this.#options = options;
    this.#credentials = Credentials.load(options, logger);
    this.#handshakes = limits.handshakes ?? new Handshakes();
    this.#log = rareLog(logger);
    this.#waiting = new WaitingSockets({
      socketsMax: limits.waitingMax ?? defaultWaitingMax,
      timeoutMs: limits.handshakeMsMax ?? defaultHandshakeMsMax,
      onGivenUp: (socket, why) =>
        this.#log.debug('closed a connection in its TLS handshake', { peer: socket.remoteAddress, why }),
    });
    this.#server = createServer(this.#serverOptions());
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => this.#failed(error, socket));
  }

  /** Reads certificate and key. Throws TransportError with the code `invalidTls`. */
  static open(options: TlsOptions, logger: Logger, limits: TlsLimits = {}): TlsAcceptor {
    return new TlsAcceptor(options, logger, limits);
  }

  /** Connections on which the client's part of the handshake is awaited. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a connection that is not being read yet. One of the two is called once, or none; without `plain` it is refused. */
  accept(raw: Socket, secured: Secured, plain?: Plain): void {
    this.#inTurn(raw, () => this.#listen({ raw, secured, plain }));
  }

  #inTurn(raw: Socket, work: () => void): void {
    const isTaken = this.#handshakes.add(() => {
      if (!raw.destroyed) work();
    });
    if (isTaken) return;
    this.#log.warn('closed a connection: too many TLS handshakes wait', { peer: raw.remoteAddress });
    raw.destroy();
  }

  #listen(entry: Entry): void {
    const { raw } = entry;
    const closed = (): void => void this.#waiting.remove(raw);
    this.#waiting.add(raw);
    raw.once('close', closed);
    raw.once('data', (first: Buffer) => {
      raw.pause();
      raw.off('close', closed);
      this.#waiting.remove(raw);
      if (first[0] === tlsRecord) {
        raw.unshift(first);
        this.#inTurn(raw, () => this.#begin(entry));
      } else if (entry.plain !== undefined) {
        raw.unshift(first);
        entry.plain(raw);
      } else this.#refusePlainText(raw, first);
    });
    raw.resume();
  }

  #begin(entry: Entry): void {
    const { raw } = entry;
    if (this.#credentials.refresh()) this.#server.setSecureContext(this.#credentials.current.context);
    entry.end = this.#handshakes.begin();
    this.#waiting.add(raw);
    const server = raw.localPort === undefined ? this.#serverOf(entry) : this.#sharedServer(entry);
    raw.once('close', () => {
      this.#waiting.remove(raw);
      entry.end?.();
    });
    server.emit('connection', raw);
  }

  #sharedServer(entry: Entry): Server {
    const { raw } = entry;
    const key = addressesOf(raw);
    this.#entries.set(key, entry);
    raw.once('close', () => {
      // Why it was closed is told after this.
      setImmediate(() => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      });
    });
    return this.#server;
  }

  /** Sockets of the file system have no addresses to tell them apart by. They are few: each has a server of its own. */
  #serverOf(entry: Entry): Server {
    const server = createServer(this.#serverOptions());
    server.on('secureConnection', (socket: TLSSocket) => this.#done(socket, entry));
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => this.#failed(error, socket));
    return server;
  }

  #serverOptions(): ServerOptions {
    return {
      ...this.#credentials.current.context,
      requestCert: this.#options.clientCertRequired,
      rejectUnauthorized: this.#options.clientCertRequired,
      ALPNProtocols: ['h2', 'http/1.1'],
    };
  }

  #secured(socket: TLSSocket): void {
    const key = addressesOf(socket);
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry === undefined) socket.destroy();
    else this.#done(socket, entry);
  }

  #done(socket: TLSSocket, entry: Entry): void {
    if (!this.#waiting.remove(entry.raw)) {
      socket.destroy();
      return;
    }
    entry.end?.();
    const objection = clientObjection(socket, this.#options, this.#credentials.current.revoked);
    if (objection !== undefined) {
      this.#log.warn('refused a client', { peer: socket.remoteAddress, reason: objection }, 'objection');
      socket.destroy();
      return;
    }
    entry.secured(socket);
  }

  #failed(error: Error, socket: TLSSocket): void {
    const peer = socket.remoteAddress ?? this.#peerOfDestroyed();
    // The types say Error; it is the code of what OpenSSL found, or nothing.
    const verification: unknown = socket.authorizationError;
    socket.destroy();
    if (typeof verification === 'string') {
      const why = `its certificate is not accepted: ${verification}`;
      // Counted by reasons, of which OpenSSL has a few dozen: one client's must not hide another's.
      this.#log.warn('refused a client', { peer, reason: why }, why);
      return;
    }
    const { code, reason } = error as NodeJS.ErrnoException & { reason?: string };
    // Port scanners and load balancers' checks connect and leave.
    if (code === 'ECONNRESET' || code === 'EPIPE')
      this.#log.debug('a client left in its TLS handshake', { peer });
    else
      this.#log.warn('a TLS handshake failed', { peer, reason: reason ?? error.message }, reason ?? 'failed');
  }

  /** Node destroys a socket whose client cannot be verified before it tells. Told each once. */
  #peerOfDestroyed(): string | undefined {
    for (const [key, { raw }] of this.#entries) {
      if (!raw.destroyed) continue;
      this.#entries.delete(key);
      return key.split(' ')[0];
    }
    return undefined;
  }

  #refusePlainText(raw: Socket, first: Buffer): void {
    this.#log.warn('closed a connection: plain text on a port that serves TLS; connect with https://', {
      peer: raw.remoteAddress,
      port: raw.localPort,
    });
    if (/^[A-Z]{3,16} \//.test(first.toString('latin1', 0, 32))) raw.end(plainTextAnswer);
    raw.destroySoon();
  }
}

/** In the words of Go's server. */
const plainTextAnswer =
  'HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

function addressesOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

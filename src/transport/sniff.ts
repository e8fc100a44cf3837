import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger, RareLog } from '../base/index.ts';
import { rareLog } from './rare-log.ts';
import { WaitingSockets } from './waiting-sockets.ts';

export type Protocol = 'http2' | 'http1';

/** What a connection speaks, and the bytes of it that have been read already: they come first. */
export type Decided = (protocol: Protocol, first: Buffer | undefined) => void;

export interface SnifferOptions {
  readonly logger: Logger;
  /** Connections that have not said enough yet, at most; the oldest makes room. */
  readonly waitingMax?: number;
  /** A client that does not say in this time what it speaks is cut off. Milliseconds. */
  readonly timeoutMs?: number;
}

/** Connections whose first bytes have not come yet, at most. Each costs a few KiB. */
const defaultWaitingMax = 4096;

/** How long the first bytes may take: the time that etcd gives a handshake. */
const defaultTimeoutMs = 10_000;

/** How every HTTP/2 client begins (RFC 9113, 3.4). No method of HTTP/1.1 begins with its first four bytes. */
const preface = Buffer.from('PRI ', 'latin1');

/** The first byte of TLS: a record that holds a handshake message. */
export const tlsRecord = 0x16;

/** Tells HTTP/2 from HTTP/1.1 by ALPN or by the first bytes of a connection. */
export class Sniffer {
  readonly #log: RareLog;
  readonly #waiting: WaitingSockets;

  constructor({ logger, waitingMax = defaultWaitingMax, timeoutMs = defaultTimeoutMs }: SnifferOptions) {
    this.#log = rareLog(logger);
    this.#waiting = new WaitingSockets({
      socketsMax: waitingMax,
      timeoutMs,
      onGivenUp: (socket, why) =>
        this.#log.debug('closed a connection that said nothing', { peer: socket.remoteAddress, why }),
    });
  }

  /** Connections that wait for their first bytes. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `decided` once, perhaps at once; never if the client leaves first, says nothing in time, or speaks TLS on a
   * connection that has none. The socket is paused then, and nobody listens to it.
   */
  sniff(socket: Socket | TLSSocket, decided: Decided): void {
    const negotiated = 'alpnProtocol' in socket ? socket.alpnProtocol : false;
    if (negotiated === 'h2') decided('http2', undefined);
    else if (negotiated === 'http/1.1') decided('http1', undefined);
    else this.#listen(socket, decided);
  }

  #listen(socket: Socket, decided: Decided): void {
    let first: Buffer = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      first = first.length === 0 ? bytes : Buffer.concat([first, bytes]);
      const protocol = protocolOf(first);
      if (protocol === undefined) return;
      stop();
      socket.pause();
      if (protocol === 'tls') this.#refuseTls(socket);
      else if (protocol === 'unknown') this.#refuseUnknown(socket);
      else decided(protocol, first);
    };
    const stop = (): void => {
      this.#waiting.remove(socket);
      socket.off('data', onData);
      socket.off('close', stop);
    };
    this.#waiting.add(socket);
    socket.on('data', onData);
    socket.on('close', stop);
  }

  #refuseTls(socket: Socket): void {
    this.#log.warn('closed a connection: TLS on a port that serves plain text; connect with http://', {
      peer: socket.remoteAddress,
      port: socket.localPort,
    });
    socket.destroy();
  }

  /** An answer in words of HTTP/1.1 would tell such a client nothing. */
  #refuseUnknown(socket: Socket): void {
    this.#log.debug('closed a connection: neither HTTP/2 nor HTTP/1.1', { peer: socket.remoteAddress });
    socket.destroy();
  }
}

/** Undefined while the bytes could be either version of HTTP. */
function protocolOf(bytes: Buffer): Protocol | 'tls' | 'unknown' | undefined {
  if (bytes[0] === tlsRecord) return 'tls';
  const known = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, known, 0, known) === 0) return known === preface.length ? 'http2' : undefined;
  return isOtherLine(bytes) ? 'unknown' : 'http1';
}

/** The bytes hold a whole first line, and it names no version of HTTP/1. Empty lines before it are allowed. */
function isOtherLine(bytes: Buffer): boolean {
  const start = bytes.findIndex((byte) => byte !== 0x0d && byte !== 0x0a);
  const end = bytes.indexOf('\n', start);
  return start >= 0 && end >= 0 && !bytes.subarray(start, end).includes(' HTTP/1.');
}

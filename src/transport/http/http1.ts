import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../../base/index.ts';
import type { HttpHandler } from './exchange.ts';
import { Http1Exchange, type Http1ExchangeLimits } from './http1-exchange.ts';
import type { BodyMemory } from './request-body.ts';
import { SlowSenders } from './slow-senders.ts';

/** What one connection may do. Reaching a limit has a defined answer, given with each. Times are in milliseconds. */
export interface Http1Limits extends Http1ExchangeLimits {
  /** Request line and headers. Above: 431, and closed. */
  readonly headerBytesMax: number;
  /** Time to send request line and headers. Above: 408, and closed. */
  readonly headersMsMax: number;
  /** Time to send a whole body, or each message of one that is read while it comes. Above: 408, or closed. */
  readonly requestMsMax: number;
  /** How often the two times above are looked at. */
  readonly checkMs: number;
  /** A connection without a request for longer is closed. */
  readonly idleMsMax: number;
  /**
   * Requests of one connection that were read and are not answered to the end: a client may send further ones before it
   * has an answer. Above: closed. A chunk of 64 KiB holds that many requests with a body.
   */
  readonly openRequestsMax: number;
}

export const defaultHttp1Limits: Http1Limits = {
  headerBytesMax: 16 * 1024,
  headersMsMax: 10_000,
  requestMsMax: 60_000,
  checkMs: 1_000,
  // Prometheus keeps idle connections for five minutes. Who closes first should be the client: a request that is under
  // way when the server closes is lost.
  idleMsMax: 330_000,
  openRequestsMax: 1024,
  stallMsMax: 60_000,
  discardBytesMax: 256 * 1024,
};

const unlimited: BodyMemory = { take: () => true, give: () => undefined };

export interface Http1Options {
  readonly handler: HttpHandler;
  /** A handler threw, which is a bug. The exchange has been answered with 500, or broken off. */
  readonly onFault: (error: unknown, path: string) => void;
  readonly limits?: Partial<Http1Limits>;
  /** Memory for bodies that have not come whole. Default: as much as they want. */
  readonly memoryOf?: (peer: string) => BodyMemory;
}

/**
 * HTTP/1.1 by `node:http`, on connections that others accept. An upgrade to HTTP/2 is not done: the request is served as
 * it is, which RFC 9110, 7.8 allows.
 */
export class Http1Server {
  readonly #server: Server;
  readonly #options: Http1Options;
  readonly #limits: Http1Limits;
  readonly #senders: SlowSenders;
  readonly #exchanges = new Set<Http1Exchange>();
  /** Those of each connection. */
  readonly #ofSocket = new WeakMap<Socket, Set<Http1Exchange>>();
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  constructor(options: Http1Options) {
    this.#options = options;
    this.#limits = { ...defaultHttp1Limits, ...options.limits };
    this.#senders = new SlowSenders(this.#limits);
    this.#server = createServer({
      maxHeaderSize: this.#limits.headerBytesMax,
      headersTimeout: this.#limits.headersMsMax,
      // Node knows no request that may go on for as long as it likes, as that of a watch does.
      requestTimeout: 0,
      connectionsCheckingInterval: this.#limits.checkMs,
      keepAliveTimeout: this.#limits.idleMsMax,
    });
    this.#server.on('request', (request, response) => this.#serve(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response, true));
    // Node looks for slow requests from the moment that a server listens. This one never does: others do it for it.
    this.#server.emit('listening');
  }

  /** Serves a connection of which `first` has been read already. */
  accept(socket: Socket, first: Buffer | undefined): void {
    if (first !== undefined) socket.unshift(first);
    const exchanges = new Set<Http1Exchange>();
    this.#ofSocket.set(socket, exchanges);
    // Node tells the end of a connection to the answer that is being written, and to none of those that wait behind it.
    socket.once('close', () => {
      for (const exchange of exchanges) {
        exchange.abandoned();
        this.#closed(exchange);
      }
    });
    this.#server.emit('connection', socket);
    socket.resume();
  }

  /** Closes idle connections, and the others after their exchange; resolves when none is under way. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#server.closeIdleConnections();
    for (const exchange of this.#exchanges) exchange.closeAfter();
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Closes every connection at once. */
  close(): void {
    this.#senders.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { socket } = request;
    const { remoteAddress, remotePort } = socket;
    const others = this.#ofSocket.get(socket);
    assert(others !== undefined, 'requests come on connections that were accepted');
    // What is left of a chunk is still read after the connection was closed.
    if (socket.destroyed) return;
    if (others.size >= this.#limits.openRequestsMax) {
      socket.destroy();
      return;
    }
    const memory = this.#options.memoryOf?.(`${remoteAddress}:${remotePort}`) ?? unlimited;
    const exchange = new Http1Exchange(request, response, {
      limits: this.#limits,
      awaitsContinue,
      memory,
      senders: this.#senders,
    });
    this.#exchanges.add(exchange);
    others.add(exchange);
    response.once('close', () => this.#closed(exchange));
    if (this.#isDraining) exchange.closeAfter();
    try {
      this.#options.handler(exchange);
    } catch (error) {
      if (exchange.answered) exchange.destroy();
      else exchange.respond(500, { 'content-type': 'text/plain; charset=utf-8' }, 'Internal Server Error\n');
      this.#options.onFault(error, exchange.path);
    }
  }

  #closed(exchange: Http1Exchange): void {
    this.#ofSocket.get(exchange.socket)?.delete(exchange);
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#onIdle?.();
  }
}

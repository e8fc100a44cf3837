import type { Socket } from 'node:net';
import type { Clock, Logger, RareLog, Scheduler } from '../base/index.ts';
import { Arrivals, Deadlines, GrpcCalls, MessageBudget } from './grpc/index.ts';
import type { HttpHandler } from './http/exchange.ts';
import { defaultHttp1Limits, Http1Server } from './http/http1.ts';
import { serveHttpStream } from './http/http2-exchange.ts';
import type { BodyMemory } from './http/request-body.ts';
import { SlowSenders } from './http/slow-senders.ts';
import {
  defaultHttp2Limits,
  Http2Connection,
  Http2Environment,
  type Http2Handler,
  type Http2Limits,
  type Http2Stream,
} from './http2/index.ts';
import type { Listener } from './listener.ts';
import { rareLog } from './rare-log.ts';
import type { GrpcServer, Service } from './service.ts';
import { Sniffer, type Protocol } from './sniff.ts';
import type { GrpcStatus } from './status.ts';

export interface ServerOptions {
  readonly services: readonly Service[];
  /** Answers what is not gRPC. Without it HTTP/1.1 is closed, and HTTP/2 gets 415. */
  readonly http?: HttpHandler;
  /** A longer request message is refused with ResourceExhausted before it is read. */
  readonly receiveBytesMax: number;
  /** Calls open at once on one connection; a client must wait with more. */
  readonly streamsPerConnectionMax: number;
  /** Other limits of connections than the default ones. */
  readonly limits?: Partial<Http2Limits>;
  /** Looks at the headers of every call of a known method first; a status refuses it. A character is one byte. */
  readonly refuse?: (header: (name: string) => string | undefined) => GrpcStatus | undefined;
  /** A handler threw, which is a bug. Its call has been answered with Internal. */
  readonly onFault: (error: unknown, path: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Memory for requests that have not come whole, on all connections together. */
const beginningBytesMax = 128 * 1024 * 1024;

/** gRPC over HTTP/2, and any other HTTP, on the same ports, with or without TLS: whatever a listener brings. */
export function createServer(options: ServerOptions): GrpcServer {
  return new TransportServer(options);
}

class TransportServer implements GrpcServer {
  readonly #options: ServerOptions;
  readonly #limits: Http2Limits;
  readonly #log: RareLog;
  readonly #sniffer: Sniffer;
  readonly #deadlines: Deadlines;
  readonly #arrivals: Arrivals;
  readonly #calls: GrpcCalls;
  readonly #budget = new MessageBudget(beginningBytesMax);
  readonly #http1: Http1Server | undefined;
  /** For requests over HTTP/2 that are not gRPC: as for those over HTTP/1.1. */
  readonly #senders = new SlowSenders(defaultHttp1Limits);
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Http2Connection>();
  #isClosing = false;

  constructor(options: ServerOptions) {
    const { clock, scheduler, logger, http, onFault } = options;
    this.#options = options;
    this.#limits = {
      ...defaultHttp2Limits,
      ...options.limits,
      streamsMax: options.streamsPerConnectionMax,
    };
    this.#log = rareLog(logger);
    this.#sniffer = new Sniffer({ logger });
    this.#deadlines = new Deadlines(clock, scheduler);
    this.#arrivals = new Arrivals(scheduler);
    this.#calls = new GrpcCalls({
      services: options.services,
      refuse: options.refuse,
      receiveBytesMax: options.receiveBytesMax,
      deadlines: this.#deadlines,
      budget: this.#budget,
      arrivals: this.#arrivals,
      onFault,
    });
    const memoryOf = (peer: string): BodyMemory => this.#memoryOf(peer);
    this.#http1 = http === undefined ? undefined : new Http1Server({ handler: http, onFault, memoryOf });
  }

  get connections(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.connections, 0);
  }

  serve(listener: Listener): void {
    this.#listeners.push(listener);
    const environment = this.#environment(listener);
    listener.serve((socket) => {
      this.#sniffer.sniff(socket, (protocol, first) => {
        if (this.#isClosing) socket.destroy();
        else this.#accept(protocol, socket, first, environment);
      });
    });
  }

  async drain(graceMs: number): Promise<void> {
    this.#isClosing = true;
    for (const listener of this.#listeners) listener.stop();
    const drained = [...this.#connections].map((connection) => connection.drain());
    if (this.#http1 !== undefined) drained.push(this.#http1.drain());
    let cancel: (() => void) | undefined;
    const expired = new Promise<void>((resolve) => {
      cancel = this.#options.scheduler.after(graceMs, resolve);
    });
    await Promise.race([Promise.all(drained), expired]);
    cancel?.();
    await this.close();
  }

  close(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.destroy();
    this.#http1?.close();
    this.#senders.close();
    for (const listener of this.#listeners) listener.destroy();
    this.#deadlines.close();
    this.#arrivals.close();
    return Promise.resolve();
  }

  #accept(
    protocol: Protocol,
    socket: Socket,
    first: Buffer | undefined,
    environment: ListenerEnvironment,
  ): void {
    if (protocol === 'http1') {
      if (this.#http1 === undefined || !environment.servesHttp) socket.destroy();
      else this.#http1.accept(socket, first);
      return;
    }
    const connection = new Http2Connection(socket, environment.http2);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    // Whoever read the first bytes has paused it.
    socket.resume();
    connection.start(first);
  }

  #memoryOf(peer: string): BodyMemory {
    return {
      take: (bytes) => this.#budget.take(peer, bytes),
      give: (bytes) => this.#budget.give(peer, bytes),
    };
  }

  #environment({ isSecure, traffic }: Listener): ListenerEnvironment {
    const { http, clock, scheduler, onFault } = this.#options;
    const calls = this.#calls;
    const senders = this.#senders;
    const handler: Http2Handler = {
      request: (stream) => {
        if (http === undefined || traffic === 'grpc' || (traffic !== 'http' && isForGrpc(stream))) {
          calls.request(stream);
        } else {
          const memory = this.#memoryOf(stream.peer);
          serveHttpStream(stream, { isSecure, handler: http, onFault, memory, senders });
        }
      },
    };
    const http2 = new Http2Environment({
      handler,
      limits: this.#limits,
      clock,
      scheduler,
      onFault: (error, peer) => onFault(error, `connection of ${peer}`),
      onViolation: (code, message, peer) =>
        this.#log.warn('closed a connection that broke the rules of HTTP/2', { peer, code, message }),
    });
    return { http2, servesHttp: traffic !== 'grpc' };
  }
}

interface ListenerEnvironment {
  readonly http2: Http2Environment;
  readonly servesHttp: boolean;
}

/** gRPC answers in its own words also what only begins like it, such as application/grpc-web. */
function isForGrpc({ head }: Http2Stream): boolean {
  return head.isGrpc || head.header('content-type')?.startsWith('application/grpc') === true;
}

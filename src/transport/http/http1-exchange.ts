import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  HttpBodyError,
  type BodyStream,
  type BodyStreamOptions,
  type HttpExchange,
  type HttpHeaders,
} from './exchange.ts';
import { RequestBody, type BodyMemory } from './request-body.ts';
import type { SlowSenders } from './slow-senders.ts';

/**
 * A body may come in so many parts, whatever their size; in more if they have so many bytes on average. One that is read
 * while it comes may have so many each second.
 */
const CRUMBS_MAX = 4096;
const CRUMB_BYTES = 16;
const CRUMBS_MS = 1000;

/** What a client may send of a body beyond what was asked for, as the window of HTTP/2's streams. */
const windowBytes = 64 * 1024;

export interface Http1ExchangeLimits {
  /** A client that takes nothing of a response for this long is cut off. */
  readonly stallMsMax: number;
  /** Of a request body that nobody asked for, this much is read and thrown away; with more, the connection ends. */
  readonly discardBytesMax: number;
}

/** A request of `node:http` as an exchange. */
export class Http1Exchange implements HttpExchange {
  readonly path: string;
  readonly query: string;
  readonly host: string;
  readonly peer: string;
  readonly secure: boolean;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: Http1ExchangeLimits;
  readonly #body: RequestBody;
  /** The client waits for a word before it sends the body (`Expect: 100-continue`). */
  #awaitsContinue: boolean;
  #isAnswered = false;
  #isEnded = false;
  #bodyParts = 0;
  #bodyBytes = 0;
  #crumbsSinceMs = 0;
  #isStreamed = false;
  /** Bytes of the body that were not consumed. */
  #unconsumed = 0;
  #stopReceiving: (() => void) | undefined;
  /** Node says `finish` also when the connection breaks. */
  #isWritten = false;
  readonly #drainListeners: (() => void)[] = [];
  readonly #cancelListeners: (() => void)[] = [];

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: {
      readonly limits: Http1ExchangeLimits;
      readonly awaitsContinue: boolean;
      /** For the body. */
      readonly memory: BodyMemory;
      readonly senders: SlowSenders;
    },
  ) {
    this.#request = request;
    this.#response = response;
    this.#limits = options.limits;
    this.#awaitsContinue = options.awaitsContinue;
    this.#body = new RequestBody({
      consumed: (bytes) => this.#consumed(bytes),
      memory: options.memory,
      senders: options.senders,
      onOverdue: () => this.#expire(),
    });
    const { path, query } = splitTarget(request.url ?? '/');
    this.path = path;
    this.query = query;
    this.host = this.header('host') ?? '';
    this.peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
    this.secure = request.socket instanceof TLSSocket;
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
      this.#body.complete();
    } else {
      request.once('end', () => this.#body.complete());
      request.once('close', () => this.#body.cancel());
    }
    response.once('finish', () => (this.#isWritten = !request.socket.destroyed));
    response.once('close', () => this.#closed());
    response.on('drain', () => this.#drained());
    response.on('error', ignore);
    request.on('error', ignore);
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }

  get ended(): boolean {
    return this.#isEnded;
  }

  /** True once `respond` or `start` has been called. */
  get answered(): boolean {
    return this.#isAnswered;
  }

  header(name: string): string | undefined {
    return this.#request.headersDistinct[name]?.[0];
  }

  body(bytesMax: number): Promise<Buffer> {
    const announced = Number(this.header('content-length') ?? 0);
    if (announced > bytesMax) return Promise.reject(tooLarge(bytesMax));
    this.#receive();
    return this.#body.read(bytesMax, announced).finally(() => this.#stopReceiving?.());
  }

  stream(options: BodyStreamOptions): BodyStream {
    this.#isStreamed = true;
    this.#crumbsSinceMs = performance.now();
    this.#receive();
    return this.#body.stream(options);
  }

  respond(status: number, headers: HttpHeaders, body: Uint8Array | string): void {
    if (!this.#begin()) return;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const hasLength = status !== 204 && status !== 304 && !('content-length' in headers);
    this.#response.writeHead(status, {
      ...copyOf(headers),
      ...(hasLength ? { 'content-length': length } : {}),
    });
    this.#response.end(body);
    if (!this.#isWritten) this.#response.setTimeout(this.#limits.stallMsMax);
  }

  start(status: number, headers: HttpHeaders): void {
    if (!this.#begin()) return;
    this.#response.writeHead(status, copyOf(headers));
    this.#response.flushHeaders();
  }

  write(bytes: Uint8Array | string): boolean {
    if (this.#isEnded) return true;
    if (this.#response.write(bytes)) return true;
    this.#response.setTimeout(this.#limits.stallMsMax);
    return false;
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  finish(): void {
    if (this.#isEnded) return;
    if (this.#isStreamed && !this.#request.complete) this.#discardBody();
    this.#response.end();
    if (!this.#isWritten) this.#response.setTimeout(this.#limits.stallMsMax);
  }

  onCancel(run: () => void): void {
    this.#cancelListeners.push(run);
  }

  get socket(): Socket {
    return this.#request.socket;
  }

  /** The connection is closed. */
  abandoned(): void {
    this.#closed();
  }

  /** The connection closes after this exchange. */
  closeAfter(): void {
    this.#response.shouldKeepAlive = false;
    if (!this.#response.headersSent) return;
    this.#response.once('finish', () => this.#request.socket.destroySoon());
  }

  destroy(): void {
    this.#request.socket.destroy();
  }

  /** Before the head of the answer. False if there is nobody to answer. */
  #begin(): boolean {
    if (this.#isEnded || this.#isAnswered) return false;
    this.#isAnswered = true;
    // Whether a client that has not been told to go on sends its body is not known: what comes next cannot be read.
    if (this.#awaitsContinue) this.#response.shouldKeepAlive = false;
    else if (!this.#isStreamed && !this.#request.complete) this.#discardBody();
    return true;
  }

  /** Takes what comes of the body. */
  #receive(): void {
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    const request = this.#request;
    const onData = (part: Buffer): void => {
      this.#endCrumbs(part);
      this.#unconsumed += part.length;
      this.#body.data(part, 0, part.length);
      if (this.#unconsumed >= windowBytes) request.pause();
    };
    this.#stopReceiving = () => {
      this.#stopReceiving = undefined;
      request.off('data', onData);
      request.pause();
    };
    request.on('data', onData);
    if (request.destroyed && !request.complete) this.#body.cancel();
  }

  #consumed(bytes: number): void {
    const wasFull = this.#unconsumed >= windowBytes;
    this.#unconsumed -= bytes;
    if (wasFull && this.#unconsumed < windowBytes) this.#request.resume();
  }

  /** The client had enough time for its request. */
  #expire(): void {
    if (this.#isAnswered) {
      this.destroy();
      return;
    }
    this.respond(408, { connection: 'close' }, '');
    this.#isEnded = true;
    this.#body.cancel();
    for (const run of this.#cancelListeners) run();
  }

  /** A body in a million chunks of a byte would keep `node:http` busy for seconds: the connection ends. */
  #endCrumbs(part: Buffer): void {
    this.#bodyBytes += part.length;
    if (++this.#bodyParts <= CRUMBS_MAX || this.#bodyBytes >= this.#bodyParts * CRUMB_BYTES) return;
    const nowMs = performance.now();
    if (!this.#isStreamed || nowMs - this.#crumbsSinceMs < CRUMBS_MS) this.#request.socket.destroy();
    this.#crumbsSinceMs = nowMs;
    this.#bodyParts = 0;
    this.#bodyBytes = 0;
  }

  /** Bodies that nobody wanted, and the rest of those that were too long. */
  #discardBody(): void {
    this.#stopReceiving?.();
    this.#body.discard();
    let left = this.#limits.discardBytesMax;
    this.#request.on('data', (part: Buffer) => {
      this.#endCrumbs(part);
      left -= part.length;
      if (left < 0) this.#request.socket.destroySoon();
    });
    this.#request.resume();
  }

  #drained(): void {
    this.#response.setTimeout(0);
    for (const run of this.#drainListeners) {
      if (!this.#isEnded) run();
    }
  }

  #closed(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#isWritten) return;
    for (const run of this.#cancelListeners) run();
  }
}

function tooLarge(bytesMax: number): HttpBodyError {
  return new HttpBodyError('tooLarge', `the request is longer than ${bytesMax} bytes`);
}

function ignore(): void {
  // A connection that breaks: `close` tells.
}

/** Node's types want lists that may be written to. */
function copyOf(headers: HttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

/** Takes `/path?query`, `http://host/path?query` and `*` (RFC 9112, 3.2). Any string is a target here. */
function splitTarget(target: string): { path: string; query: string } {
  const local = /^https?:\/\/[^/?]*(.*)$/is.exec(target)?.[1] ?? target;
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  const query = mark < 0 ? '' : local.slice(mark + 1);
  return { path: path.startsWith('/') || path === '*' ? path : `/${path}`, query };
}

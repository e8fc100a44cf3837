import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { HttpBodyError, type HttpExchange, type HttpHeaders } from './exchange.ts';
import { RequestBody, type BodyMemory } from './request-body.ts';

/** A body may come in so many parts, whatever their size; in more if they have so many bytes on average. */
const CRUMBS_MAX = 4096;
const CRUMB_BYTES = 16;

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
  readonly #memory: BodyMemory;
  /** The client waits for a word before it sends the body (`Expect: 100-continue`). */
  #awaitsContinue: boolean;
  #isAnswered = false;
  #isEnded = false;
  #bodyParts = 0;
  #bodyBytes = 0;
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
    },
  ) {
    this.#request = request;
    this.#response = response;
    this.#limits = options.limits;
    this.#awaitsContinue = options.awaitsContinue;
    this.#memory = options.memory;
    const { path, query } = splitTarget(request.url ?? '/');
    this.path = path;
    this.query = query;
    this.host = this.header('host') ?? '';
    this.peer = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
    this.secure = request.socket instanceof TLSSocket;
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
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    const body = new RequestBody(() => undefined, this.#memory);
    const request = this.#request;
    const onData = (part: Buffer): void => {
      this.#endCrumbs(part);
      body.data(part, 0, part.length);
    };
    const onEnd = (): void => body.complete();
    const onClose = (): void => body.cancel();
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    if (request.destroyed && !request.complete) onClose();
    return body.read(bytesMax, announced).finally(() => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      request.pause();
    });
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
    else if (!this.#request.complete) this.#discardBody();
    return true;
  }

  /** A body in a million chunks of a byte would keep `node:http` busy for seconds: the connection ends. */
  #endCrumbs(part: Buffer): void {
    this.#bodyBytes += part.length;
    if (++this.#bodyParts > CRUMBS_MAX && this.#bodyBytes < this.#bodyParts * CRUMB_BYTES) {
      this.#request.socket.destroy();
    }
  }

  /** Bodies that nobody wanted, and the rest of those that were too long. */
  #discardBody(): void {
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

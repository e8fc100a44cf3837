import { assert } from '../../base/index.ts';
import { encodeHeaders } from '../hpack/index.ts';
import { ErrorCode, type Http2Stream, type StreamReceiver } from '../http2/index.ts';
import type { BodyStream, BodyStreamOptions, HttpExchange, HttpHandler, HttpHeaders } from './exchange.ts';
import { RequestBody, type BodyMemory } from './request-body.ts';
import type { SlowSenders } from './slow-senders.ts';

const noPrefix = Buffer.alloc(0);

/** An answer that comes before the end of its request waits for this much of the rest, and for this long. */
const discardBytesMax = 256 * 1024;
const holdMsMax = 5_000;

/** Headers of HTTP/1.1's connections, which HTTP/2 forbids: RFC 9113, 8.2.2. */
const connectionHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Tells a client that waits with its body to send it: RFC 9110, 10.1.1. */
const goOn = encodeHeaders([[':status', '100']]);

export interface HttpStreamOptions {
  readonly isSecure: boolean;
  readonly handler: HttpHandler;
  /** Hears what the handler throws. */
  readonly onFault: (error: unknown, path: string) => void;
  /** For the body. */
  readonly memory: BodyMemory;
  readonly senders: SlowSenders;
}

/** Gives a request on a stream of HTTP/2 to a handler. */
export function serveHttpStream(stream: Http2Stream, options: HttpStreamOptions): void {
  const { handler, onFault } = options;
  const exchange = new Http2Exchange(stream, options);
  stream.receiver = exchange;
  try {
    // CONNECT asks for a tunnel and has no path.
    if (stream.head.path === '') exchange.respond(501, plainText, 'Not Implemented\n');
    else handler(exchange);
  } catch (error) {
    exchange.fail();
    onFault(error, stream.head.path);
  }
}

const plainText: HttpHeaders = { 'content-type': 'text/plain; charset=utf-8' };

/** A request and its answer on a stream of HTTP/2. */
class Http2Exchange implements HttpExchange, StreamReceiver {
  readonly path: string;
  readonly query: string;
  readonly secure: boolean;
  readonly #stream: Http2Stream;
  readonly #body: RequestBody;
  readonly #drainListeners: (() => void)[] = [];
  readonly #cancelListeners: (() => void)[] = [];
  #hasHead = false;
  #ended = false;
  /** Sends an answer that waits for the end of its request. */
  #held: (() => void) | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #discardedBytes = 0;

  constructor(stream: Http2Stream, { isSecure, memory, senders }: HttpStreamOptions) {
    const { path } = stream.head;
    const mark = path.indexOf('?');
    this.path = mark < 0 ? path : path.slice(0, mark);
    this.query = mark < 0 ? '' : path.slice(mark + 1);
    this.secure = isSecure;
    this.#stream = stream;
    this.#body = new RequestBody({
      consumed: (bytes) => stream.consumed(bytes),
      memory,
      senders,
      onOverdue: () => this.#expire(),
    });
    if (stream.endedByPeer) this.#body.complete();
  }

  get method(): string {
    return this.#stream.head.method;
  }

  get host(): string {
    return this.#stream.head.authority;
  }

  get peer(): string {
    return this.#stream.peer;
  }

  get ended(): boolean {
    return this.#ended;
  }

  header(name: string): string | undefined {
    return this.#stream.head.header(name);
  }

  body(bytesMax: number): Promise<Buffer> {
    const announced = this.#stream.head.contentLength;
    if (announced <= bytesMax) this.#invite();
    return this.#body.read(bytesMax, announced);
  }

  stream(options: BodyStreamOptions): BodyStream {
    this.#invite();
    return this.#body.stream(options);
  }

  respond(status: number, headers: HttpHeaders, body: Uint8Array | string): void {
    if (this.#ended) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const hasBody = status !== 204 && status !== 304;
    const length = hasBody ? String(bytes.length) : undefined;
    const block = this.#head(status, headers, length);
    const isEmpty = this.method === 'HEAD' || !hasBody || bytes.length === 0;
    this.#ended = true;
    this.#whenReceived(() => {
      if (isEmpty) this.#stream.headers(block, true);
      else this.#stream.respond(block, noPrefix, bytes, undefined);
    });
  }

  start(status: number, headers: HttpHeaders): void {
    if (this.#ended) return;
    this.#stream.headers(this.#head(status, headers, undefined), false);
  }

  write(bytes: Uint8Array | string): boolean {
    if (this.#ended) return false;
    assert(this.#hasHead, 'a body has a head');
    if (this.method === 'HEAD' || bytes.length === 0) return true;
    return this.#stream.write(noPrefix, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  finish(): void {
    if (this.#ended) return;
    assert(this.#hasHead, 'a body has a head');
    this.#ended = true;
    this.#body.close();
    this.#stream.end();
  }

  onCancel(run: () => void): void {
    this.#cancelListeners.push(run);
  }

  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.reset(ErrorCode.internalError);
    this.#cancel();
  }

  /** The handler threw. */
  fail(): void {
    if (this.#ended) return;
    if (this.#hasHead) this.destroy();
    else {
      this.respond(500, plainText, 'Internal Server Error\n');
      this.#cancel();
    }
  }

  data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    this.#body.data(chunk, start, end);
    if (this.#held !== undefined) this.#discardedBytes += end - start;
    if (isLast) this.#body.complete();
    if (isLast || this.#discardedBytes > discardBytesMax) this.#release();
  }

  trailers(): void {
    this.#body.complete();
    this.#release();
  }

  cancelled(): void {
    if (this.#ended && this.#held === undefined) return;
    this.#ended = true;
    this.#held = undefined;
    clearTimeout(this.#holdTimer);
    this.#cancel();
  }

  drained(): void {
    for (const run of this.#drainListeners) {
      if (!this.#ended) run();
    }
  }

  /**
   * Lets an answer wait for the end of its request. A stream that is answered before has to be reset, which not every
   * client takes for an answer, and what is wrong with the rest of the request would go unnoticed.
   */
  #whenReceived(send: () => void): void {
    // Who sends `expect` sends no body before it has an answer.
    if (this.#body.isComplete || this.header('expect') !== undefined) {
      this.#body.close();
      send();
      return;
    }
    this.#held = send;
    this.#holdTimer = setTimeout(() => this.#release(), holdMsMax);
    this.#body.discard();
  }

  #release(): void {
    const send = this.#held;
    if (send === undefined) return;
    this.#held = undefined;
    clearTimeout(this.#holdTimer);
    this.#body.close();
    send();
  }

  #invite(): void {
    if (this.#body.isComplete || this.header('expect')?.toLowerCase() !== '100-continue') return;
    this.#stream.headers(goOn, false);
  }

  /** The client had enough time for its request. */
  #expire(): void {
    if (this.#held !== undefined) this.#release();
    else if (this.#hasHead) this.destroy();
    else if (!this.#ended) {
      this.#ended = true;
      this.#stream.headers(this.#head(408, {}, '0'), true);
      this.#cancel();
    }
  }

  #cancel(): void {
    this.#body.cancel();
    this.#body.close();
    for (const run of this.#cancelListeners.splice(0)) run();
  }

  #head(status: number, headers: HttpHeaders, contentLength: string | undefined): Buffer {
    assert(!this.#hasHead, 'an exchange is answered once');
    this.#hasHead = true;
    const fields: [string, string][] = [
      [':status', String(status)],
      // Who has a clock says so: RFC 9110, 6.6.1.
      ['date', new Date().toUTCString()],
    ];
    for (const [name, value] of Object.entries(headers)) {
      if (connectionHeaders.has(name) || name === 'content-length') continue;
      for (const each of typeof value === 'string' ? [value] : value) {
        assert(!/[\0\r\n]/.test(each), `the header ${name} is one line`);
        fields.push([name, each]);
      }
    }
    if (contentLength !== undefined) fields.push(['content-length', contentLength]);
    return encodeHeaders(fields);
  }
}

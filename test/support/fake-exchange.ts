import { RequestBody } from '../../src/transport/http/request-body.ts';
import { SlowSenders } from '../../src/transport/http/slow-senders.ts';
import {
  HttpBodyError,
  type BodyStream,
  type BodyStreamOptions,
  type HttpExchange,
  type HttpHeaders,
} from '../../src/transport/index.ts';

export interface FakeRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly host?: string;
  readonly secure?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** More of the body comes, by `send`. */
  readonly isOpen?: boolean;
  /** Bytes that the client takes before it falls behind. Default: any number. */
  readonly windowBytes?: number;
}

/** An exchange without a connection, for handlers' tests. */
export class FakeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly host: string;
  readonly peer = '127.0.0.1:5';
  readonly secure: boolean;
  ended = false;
  /** What was answered; 0 before. */
  status = 0;
  responseHeaders: HttpHeaders = {};
  readonly parts: Buffer[] = [];
  /** The body was begun with `start`. */
  isStreamed = false;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #body: Buffer;
  readonly #isOpen: boolean;
  #windowBytes: number;
  #isBehind = false;
  #drainListeners: (() => void)[] = [];
  #cancelListeners: (() => void)[] = [];
  #finished: () => void = () => undefined;
  /** Resolves when the answer is complete. */
  readonly done = new Promise<void>((resolve) => (this.#finished = resolve));

  constructor(request: FakeRequest = {}) {
    this.method = request.method ?? 'POST';
    this.path = request.path ?? '/';
    this.query = request.query ?? '';
    this.host = request.host ?? 'localhost:2379';
    this.secure = request.secure ?? false;
    this.#headers = request.headers ?? {};
    this.#body = Buffer.from(request.body ?? '');
    this.#isOpen = request.isOpen ?? false;
    this.#windowBytes = request.windowBytes ?? Infinity;
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('utf8');
  }

  get sentBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  header(name: string): string | undefined {
    return this.#headers[name];
  }

  body(bytesMax: number): Promise<Buffer> {
    if (this.#body.length <= bytesMax) return Promise.resolve(this.#body);
    return Promise.reject(new HttpBodyError('tooLarge', 'too large'));
  }

  /** Bytes of a body that comes bit by bit which the client may send again. */
  consumedBytes = 0;
  readonly #stream = new RequestBody({
    consumed: (bytes) => (this.consumedBytes += bytes),
    memory: { take: () => true, give: () => undefined },
    senders: new SlowSenders({ requestMsMax: 60_000, checkMs: 1000 }),
    onOverdue: () => this.destroy(),
  });

  stream(options: BodyStreamOptions): BodyStream {
    const body = this.#stream.stream(options);
    if (this.#body.length > 0) this.send(this.#body);
    if (!this.#isOpen) this.#stream.complete();
    return body;
  }

  /** The client sends more, and says with `isLast` that nothing follows. */
  send(text: string | Buffer, isLast = false): void {
    const bytes = Buffer.from(text as string);
    this.#stream.data(bytes, 0, bytes.length);
    if (isLast) this.#stream.complete();
  }

  respond(status: number, headers: HttpHeaders, body: Uint8Array | string): void {
    this.#begin(status, headers);
    this.parts.push(Buffer.from(body as string));
    this.#end();
  }

  start(status: number, headers: HttpHeaders): void {
    this.#begin(status, headers);
    this.isStreamed = true;
  }

  write(bytes: Uint8Array | string): boolean {
    if (!this.isStreamed) throw new Error('write before start');
    if (this.ended) return true;
    this.parts.push(Buffer.from(bytes as string));
    this.#windowBytes -= this.parts.at(-1)!.length;
    this.#isBehind = this.#windowBytes <= 0;
    return !this.#isBehind;
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  finish(): void {
    if (!this.isStreamed) throw new Error('finish before start');
    this.#end();
  }

  isDestroyed = false;

  destroy(): void {
    this.isDestroyed = true;
    this.cancel();
  }

  onCancel(run: () => void): void {
    this.#cancelListeners.push(run);
  }

  /** The client takes some more. */
  drain(bytes: number): void {
    this.#windowBytes = bytes;
    if (!this.#isBehind) return;
    this.#isBehind = false;
    for (const run of this.#drainListeners) run();
  }

  /** The client goes away. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    for (const run of this.#cancelListeners) run();
    this.#finished();
  }

  #begin(status: number, headers: HttpHeaders): void {
    if (this.status !== 0) throw new Error('answered twice');
    this.status = status;
    this.responseHeaders = headers;
  }

  #end(): void {
    if (this.ended) throw new Error('ended twice');
    this.ended = true;
    this.#finished();
  }
}

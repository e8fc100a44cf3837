import type { BodyStream, BodyStreamOptions, HttpExchange, HttpHeaders } from '../../transport/index.ts';

/** An exchange whose answer has some headers more. */
export class HeadedExchange implements HttpExchange {
  readonly #exchange: HttpExchange;
  readonly #headers: HttpHeaders;

  constructor(exchange: HttpExchange, headers: HttpHeaders) {
    this.#exchange = exchange;
    this.#headers = headers;
  }

  get method(): string {
    return this.#exchange.method;
  }

  get path(): string {
    return this.#exchange.path;
  }

  get query(): string {
    return this.#exchange.query;
  }

  get host(): string {
    return this.#exchange.host;
  }

  get peer(): string {
    return this.#exchange.peer;
  }

  get secure(): boolean {
    return this.#exchange.secure;
  }

  get ended(): boolean {
    return this.#exchange.ended;
  }

  header(name: string): string | undefined {
    return this.#exchange.header(name);
  }

  body(bytesMax: number): Promise<Buffer> {
    return this.#exchange.body(bytesMax);
  }

  stream(options: BodyStreamOptions): BodyStream {
    return this.#exchange.stream(options);
  }

  respond(status: number, headers: HttpHeaders, body: Uint8Array | string): void {
    this.#exchange.respond(status, { ...this.#headers, ...headers }, body);
  }

  start(status: number, headers: HttpHeaders): void {
    this.#exchange.start(status, { ...this.#headers, ...headers });
  }

  write(bytes: Uint8Array | string): boolean {
    return this.#exchange.write(bytes);
  }

  onDrain(run: () => void): void {
    this.#exchange.onDrain(run);
  }

  finish(): void {
    this.#exchange.finish();
  }

  destroy(): void {
    this.#exchange.destroy();
  }

  onCancel(run: () => void): void {
    this.#exchange.onCancel(run);
  }
}

import type { Logger } from '../../base/index.ts';
import { Http1Server, type HttpHandler, type Listener } from '../../transport/index.ts';

/** HTTP/1.1 for probes and scrapers. */
export class HttpServer {
  readonly #listeners: Listener[] = [];
  readonly #server: Http1Server;

  constructor(handler: HttpHandler, logger: Logger) {
    this.#server = new Http1Server({
      handler,
      onFault: (error, path) => logger.error('an HTTP request failed', { path, error }),
    });
  }

  /** Serves the connections of a listener, which it owns from now on. */
  serve(listener: Listener): void {
    this.#listeners.push(listener);
    listener.serve((socket) => this.#server.accept(socket, undefined));
  }

  close(): void {
    for (const listener of this.#listeners) listener.destroy();
    this.#server.close();
  }
}

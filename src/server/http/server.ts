import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '../../base/index.ts';
import type { Listener } from '../../transport/index.ts';
import type { HttpRoute } from './routes.ts';

/** A client that sends its head more slowly than this is cut off. */
const headersTimeoutMs = 10_000;

/** HTTP/1.1 for probes and scrapers. Serves GET only. */
export class HttpServer {
  readonly #listeners: Listener[] = [];
  readonly #server;
  readonly #route: HttpRoute;
  readonly #logger: Logger;

  constructor(route: HttpRoute, logger: Logger) {
    this.#route = route;
    this.#logger = logger;
    this.#server = createServer({ headersTimeout: headersTimeoutMs }, (request, response) => {
      void this.#serve(request, response);
    });
  }

  /** Serves the connections of a listener, which it owns from now on. */
  serve(listener: Listener): void {
    this.#listeners.push(listener);
    listener.serve((socket) => this.#server.emit('connection', socket));
  }

  close(): void {
    for (const listener of this.#listeners) listener.destroy();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    try {
      const { path, query } = splitTarget(request.url ?? '/');
      const answer = await this.#route(path, query);
      if (request.method === 'GET' || answer.status === 404) {
        send(response, answer);
        return;
      }
      response.setHeader('Allow', 'GET');
      send(response, { status: 405, contentType: 'text/plain; charset=utf-8', body: 'Method Not Allowed\n' });
    } catch (error) {
      this.#logger.error('an HTTP request failed', { path: request.url, error });
      send(response, {
        status: 500,
        contentType: 'text/plain; charset=utf-8',
        body: 'Internal Server Error\n',
      });
    }
  }
}

/** Any string is a target here, so nothing that a client sends can make this throw. */
function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

function send(response: ServerResponse, answer: { status: number; contentType: string; body: string }): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType,
    'Content-Length': Buffer.byteLength(answer.body),
  });
  response.end(answer.body);
}

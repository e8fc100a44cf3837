import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';

export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}
export interface KubeObject {
  readonly kind?: string;
  readonly metadata: Meta;
  readonly items?: KubeObject[];
  readonly [field: string]: unknown;
}
export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly body: KubeObject;
}
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/** The API server over HTTPS, as a plain client. */
export class Api {
  readonly #port: number;
  readonly #ca: Buffer;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: { readonly port: number; readonly ca: Buffer; readonly token: string }) {
    this.#port = options.port;
    this.#ca = options.ca;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64 });
    this.#headers = { authorization: `Bearer ${options.token}`, accept: 'application/json' };
  }

  get = (path: string): Promise<Reply> => this.call('GET', path);
  create = (path: string, body: unknown): Promise<Reply> => this.call('POST', path, body);
  replace = (path: string, body: unknown): Promise<Reply> => this.call('PUT', path, body);
  remove = (path: string): Promise<Reply> => this.call('DELETE', path);
  patch = (path: string, body: unknown): Promise<Reply> =>
    this.call('PATCH', path, body, 'application/merge-patch+json');

  /** Any call; a broken connection is status 0. */
  async call(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Reply> {
    try {
      const response = await this.#send(method, path, body, type);
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString('utf8');
      return { status: response.statusCode ?? 0, text, body: parse(text) };
    } catch (error) {
      return { status: 0, text: String(error), body: { metadata: { name: '' } } };
    }
  }

  /** Events until the connection ends or `stop` says so; yields nothing when the watch cannot be begun. */
  async *watch(path: string, from: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const query = `${path}?watch=1&resourceVersion=${from}&allowWatchBookmarks=true`;
    let rest = '';
    try {
      const response = await this.#send('GET', query, undefined, 'application/json', signal);
      for await (const part of response) {
        const lines = (rest + (part as Buffer).toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
      }
    } catch {
      // The connection broke: the caller resumes from what it has seen, which is what the check is about.
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    body: unknown,
    type: string,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.#port,
        method,
        path,
        ca: this.#ca,
        headers: { ...this.#headers, 'content-type': type },
        // A watch of its own connection, so that it does not hold a place of the pool.
        agent: signal === undefined ? this.#agent : false,
        ...(signal === undefined ? {} : { signal }),
      };
      const sent = request(options, resolve);
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function parse(text: string): KubeObject {
  try {
    return JSON.parse(text) as KubeObject;
  } catch {
    return { metadata: { name: '' } };
  }
}

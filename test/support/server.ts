import { get, request } from 'node:http';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { serve, type Logger, type RunningServer, type Settings } from '../../src/index.ts';
import { TestClient } from './client.ts';

export interface TestServer {
  readonly server: RunningServer;
  readonly client: TestClient;
  readonly clientUrl: string;
  readonly metricsUrl: string;
  /** Another connection, with the credentials of `client` if none are given. */
  connect(credentials?: ChannelCredentials): TestClient;
  close(): Promise<void>;
}

/** A server in this process, on the memory engine and free ports unless told otherwise, and a client of it. */
export async function startTestServer(
  overrides: Partial<Settings> = {},
  options: { readonly credentials?: ChannelCredentials; readonly logger?: Logger } = {},
): Promise<TestServer> {
  const { logger } = options;
  const settings: Partial<Settings> = {
    engine: 'memory',
    listenClientUrls: ['http://127.0.0.1:0'],
    listenMetricsUrls: ['http://127.0.0.1:0'],
    ...overrides,
  };
  const server = await serve(settings, logger === undefined ? {} : { logger });
  const clientUrl = server.clientUrls[0]!;
  const clients: TestClient[] = [];
  const connect = (credentials = options.credentials): TestClient => {
    const client = new TestClient(clientUrl, credentials);
    clients.push(client);
    return client;
  };
  return {
    server,
    client: connect(),
    clientUrl,
    metricsUrl: server.metricsUrls[0]!,
    connect,
    async close() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

export interface HttpResult {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export function httpGet(url: string, method = 'GET'): Promise<HttpResult> {
  return new Promise((resolve, reject) => {
    const call = method === 'GET' ? get(url) : request(url, { method });
    call.on('error', reject);
    call.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    if (method !== 'GET') call.end();
  });
}

export const bytes = (text: string): Buffer => Buffer.from(text);

/** Bytes from hexadecimal digits; spaces do not matter. */
export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

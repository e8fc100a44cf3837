/** Goal: clients that others have written understand the server. Method: real sockets on a free port. */
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestAuthority } from '../../../test/support/certificates.ts';
import { encodeHeaders } from '../hpack/index.ts';
import {
  defaultHttp2Limits,
  Http2Connection,
  Http2Environment,
  type Http2Stream,
  type StreamReceiver,
} from './index.ts';

const okHead = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const okTrailers = encodeHeaders([['grpc-status', '0']]);
const none = Buffer.alloc(0);

/** Sends back what it gets, as soon as all of it is there; of `/many` a hundred times, of `/never` never. */
class Echo implements StreamReceiver {
  readonly #stream: Http2Stream;
  readonly #parts: Buffer[] = [];

  constructor(stream: Http2Stream) {
    this.#stream = stream;
    if (stream.endedByPeer) this.#answer();
  }

  data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    this.#parts.push(chunk.subarray(start, end));
    this.#stream.consumed(end - start);
    if (isLast) this.#answer();
  }

  #answer(): void {
    if (this.#stream.head.path === '/never') return;
    const times = this.#stream.head.path === '/many' ? 100 : 1;
    this.#stream.respond(okHead, none, Array<Buffer[]>(times).fill(this.#parts).flat(), okTrailers);
  }

  trailers(): void {
    this.#answer();
  }
  cancelled(): void {
    cancels++;
  }
  drained(): void {
    throw new Error('nothing was written');
  }
}

let cancels = 0;
const faults: unknown[] = [];
const connections: Http2Connection[] = [];
const environment = new Http2Environment({
  handler: {
    request: (stream) => {
      stream.receiver = new Echo(stream);
    },
  },
  limits: defaultHttp2Limits,
  clock: { nowMs: () => performance.now() },
  scheduler: {
    soon: (run) => void setImmediate(run),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  },
  onFault: (error) => faults.push(error),
  onViolation: (code, message) => faults.push(`${code} ${message}`),
});

function accept(socket: Socket): void {
  const connection = new Http2Connection(socket, environment);
  connections.push(connection);
  connection.start();
}

let server: Server;
let address: string;
beforeEach(async () => {
  server = createServer({ noDelay: true }, accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy();
  server.close();
  expect(faults.splice(0)).toEqual([]);
});

async function post(session: ClientHttp2Session, path: string, body: Buffer): Promise<Buffer> {
  const stream = session.request({ ':method': 'POST', ':path': path, te: 'trailers' });
  const trailers = new Promise((resolve) => stream.once('trailers', resolve));
  stream.end(body);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  expect(await trailers).toMatchObject({ 'grpc-status': '0' });
  return Buffer.concat(parts);
}

/** Resolves when the connection is gone, so that nothing is cut off while it still sends. */
function close(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.close(resolve));
}

function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = at % 251;
  return bytes;
}

test('node:http2: requests of all sizes at once, more than a window in both directions', async () => {
  const session = connectHttp2(`http://${address}`);
  const sizes = [0, 1, 100, 16_384, 65_535, 65_536, 300_000, 2_000_000];
  const answers = await Promise.all(
    sizes.flatMap((size) => [post(session, '/a', pattern(size)), post(session, '/b', pattern(size))]),
  );
  answers.forEach((answer, at) => expect(answer.equals(pattern(sizes[at >> 1] ?? -1))).toBe(true));
  const many = await post(session, '/many', pattern(500_000));
  expect(many.equals(Buffer.concat(Array<Buffer>(100).fill(pattern(500_000))))).toBe(true);
  await close(session);
});

test('node:http2: a thousand requests one after another and at once, with headers that change the table', async () => {
  const session = connectHttp2(`http://${address}`);
  for (let round = 0; round < 5; round++) {
    const bodies = Array.from({ length: 200 }, (_, at) => Buffer.from(`${round} ${at}`));
    const answers = await Promise.all(bodies.map((body, at) => post(session, `/${at % 37}`, body)));
    expect(answers.map(String)).toEqual(bodies.map(String));
  }
  await close(session);
});

test('node:http2: requests that are given up are told, and harm no others', async () => {
  const session = connectHttp2(`http://${address}`);
  await post(session, '/a', none);
  cancels = 0;
  for (let count = 0; count < 20; count++) {
    const stream = session.request({ ':method': 'POST', ':path': '/never' });
    stream.on('error', () => undefined);
    stream.write('abc', () => stream.close(8));
  }
  await expect.poll(() => cancels).toBe(20);
  expect(String(await post(session, '/a', Buffer.from('still here')))).toBe('still here');
  await close(session);
});

test('node:http2: pings, settings that change meanwhile, and a drain', async () => {
  const session = connectHttp2(`http://${address}`, { settings: { initialWindowSize: 1000 } });
  await new Promise((resolve) => session.ping(resolve));
  const answer = post(session, '/a', pattern(200_000));
  session.settings({ initialWindowSize: 500 });
  session.settings({ initialWindowSize: 100_000, headerTableSize: 0 });
  expect((await answer).equals(pattern(200_000))).toBe(true);
  const closed = new Promise((resolve) => session.once('close', resolve));
  const last = post(session, '/a', pattern(1000));
  await connections[0]?.drain();
  expect((await last).equals(pattern(1000))).toBe(true);
  await closed;
});

test('node:http2 over TLS: many sizes, many at once', async () => {
  const authority = await TestAuthority.create();
  const { certificate, key } = await authority.server();
  const secure = createTlsServer({ cert: certificate, key, ALPNProtocols: ['h2'] }, accept);
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  const session = connectHttp2(`https://127.0.0.1:${(secure.address() as AddressInfo).port}`, {
    ca: authority.ca,
    // Megabytes: the client gives up streams above ten.
    maxSessionMemory: 100,
  });
  const sizes = [0, 1, 1000, 8191, 8192, 20_000, 70_000, 300_000];
  for (let round = 0; round < 3; round++) {
    const bodies = Array.from({ length: 100 }, (_, at) => pattern(sizes[at % sizes.length] ?? 0));
    const answers = await Promise.all(bodies.map((body) => post(session, '/a', body)));
    answers.forEach((answer, at) => expect(answer.equals(bodies[at] ?? none)).toBe(true));
  }
  await close(session);
  secure.close();
});

test('grpc-js: unary calls and streams', async () => {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const identity = (bytes: Buffer): Buffer => bytes;
  const call = (bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest('/a.B/C', identity, identity, bytes, (error, response) => {
        if (error === null && response !== undefined) resolve(response);
        else reject(error ?? new Error('no response'));
      });
    });
  const bodies = [0, 1, 1000, 100_000, 1_000_000].map(pattern);
  const answers = await Promise.all(bodies.map(call));
  answers.forEach((answer, at) => expect(answer.equals(bodies[at] ?? none)).toBe(true));
  const stream = client.makeBidiStreamRequest('/a.B/D', identity, identity);
  const got: string[] = [];
  stream.on('data', (bytes: Buffer) => got.push(String(bytes)));
  const status = new Promise((resolve) => stream.on('status', resolve));
  for (const text of ['a', 'bb', 'ccc']) stream.write(Buffer.from(text));
  stream.end();
  expect(await status).toMatchObject({ code: 0 });
  expect(got).toEqual(['a', 'bb', 'ccc']);
  client.close();
});

/**
 * Goal: the seam. Method: services that know no gRPC, behind a server on a real port, called by grpc-js and, where a
 * client of it would refuse to send such a thing, by node:http2.
 */
import { connect as connectTcp } from 'node:net';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { Client, credentials, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLogger, type Cancel } from '../base/index.ts';
import { NodeClock, NodeScheduler } from '../cli/runtime.ts';
import type { HttpHandler } from './http/exchange.ts';
import { Listener } from './listener.ts';
import { createServer, type ServerOptions } from './server.ts';
import type { BidiStream, GrpcServer, Method, ServerStream, Slices } from './service.ts';

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Started {
  readonly client: Client;
  readonly server: GrpcServer;
  readonly url: string;
}

const serverOptions: ServerOptions = {
  services: [],
  receiveBytesMax: 1000,
  streamsPerConnectionMax: 100,
  onFault: (error) => {
    throw error;
  },
  logger: silentLogger,
  clock: new NodeClock(),
  scheduler: new NodeScheduler(),
};

async function start(
  methods: Record<string, Method>,
  options: Partial<ServerOptions> = {},
): Promise<Started> {
  const server = createServer({ ...serverOptions, services: [{ name: 'test.Echo', methods }], ...options });
  const listener = await Listener.open('http://127.0.0.1:0');
  server.serve(listener);
  const client = new Client(listener.url.slice('http://'.length), credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  closers.push(
    () => server.close(),
    () => client.close(),
  );
  return { client, server, url: listener.url };
}

const identity = (bytes: Buffer): Buffer => bytes;

function unary(client: Client, path: string, request: Buffer): Promise<Buffer | ServiceError> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, identity, identity, request, (error, response) => {
      resolve(error ?? response ?? Buffer.alloc(0));
    });
  });
}

function open(client: Client, path: string): ClientDuplexStream<Buffer, Buffer> {
  const stream = client.makeBidiStreamRequest(path, identity, identity);
  stream.on('error', () => undefined);
  return stream;
}

const echo: Method = { kind: 'unary', handle: (request, _call, reply) => reply(undefined, request) };

describe('unary calls', () => {
  test('carry bytes and slices both ways, empty ones too', async () => {
    const { client } = await start({
      Echo: echo,
      Slices: {
        kind: 'unary',
        handle: (request, _call, reply) => reply(undefined, [request, Buffer.from('-'), request]),
      },
    });
    expect(String(await unary(client, '/test.Echo/Echo', Buffer.from('abc')))).toBe('abc');
    expect(String(await unary(client, '/test.Echo/Slices', Buffer.from('abc')))).toBe('abc-abc');
    expect(String(await unary(client, '/test.Echo/Echo', Buffer.alloc(0)))).toBe('');
  });

  test('carry codes and texts, percent signs and non-ASCII characters too', async () => {
    const { client } = await start({
      Fail: { kind: 'unary', handle: (_request, _call, reply) => reply({ code: 9, message: 'no: 100 % ä' }) },
    });
    expect(await unary(client, '/test.Echo/Fail', Buffer.alloc(0))).toMatchObject({
      code: 9,
      details: 'no: 100 % ä',
    });
  });

  test('above the limit are refused in the words of gRPC for Go', async () => {
    const { client } = await start({ Echo: echo });
    expect(await unary(client, '/test.Echo/Echo', Buffer.alloc(1001))).toMatchObject({
      code: 8,
      details: 'grpc: received message larger than max (1001 vs. 1000)',
    });
    expect(await unary(client, '/test.Echo/Echo', Buffer.alloc(1000))).toHaveLength(1000);
  });

  test('to nobody are refused in the words of gRPC for Go', async () => {
    const { client } = await start({ Echo: echo });
    const empty = Buffer.alloc(0);
    expect(await unary(client, '/test.Other/Echo', empty)).toMatchObject({
      code: 12,
      details: 'unknown service test.Other',
    });
    expect(await unary(client, '/test.Echo/Other', empty)).toMatchObject({
      code: 12,
      details: 'unknown method Other for service test.Echo',
    });
  });

  test('of which the handler throws are answered, and the fault is reported', async () => {
    const faults: unknown[] = [];
    const thrown = new Error('a bug');
    const { client } = await start(
      {
        Throw: {
          kind: 'unary',
          handle: () => {
            throw thrown;
          },
        },
      },
      { onFault: (error, path) => faults.push([error, path]) },
    );
    expect(await unary(client, '/test.Echo/Throw', Buffer.alloc(0))).toMatchObject({ code: 13 });
    expect(faults).toEqual([[thrown, '/test.Echo/Throw']]);
  });

  test('tell their handler when the client gives up, and not when it was answered', async () => {
    const cancelled: string[] = [];
    let waiting = false;
    const { client } = await start({
      Wait: {
        kind: 'unary',
        handle: (_request, call) => {
          waiting = true;
          call.onCancel(() => cancelled.push('wait'));
        },
      },
      Echo: {
        kind: 'unary',
        handle: (request, call, reply) => {
          call.onCancel(() => cancelled.push('echo'));
          reply(undefined, request);
        },
      },
    });
    await unary(client, '/test.Echo/Echo', Buffer.alloc(0));
    const call = client.makeUnaryRequest(
      '/test.Echo/Wait',
      identity,
      identity,
      Buffer.alloc(0),
      () => undefined,
    );
    await expect.poll(() => waiting).toBe(true);
    call.cancel();
    await expect.poll(() => cancelled).toEqual(['wait']);
  });
});

describe('a check of headers', () => {
  test('refuses calls before they are served, and sees every byte', async () => {
    const { client, url } = await start(
      { Echo: echo },
      { refuse: (header) => (header('x-bad') === '\xff' ? { code: 3, message: 'bad header' } : undefined) },
    );
    expect(String(await unary(client, '/test.Echo/Echo', Buffer.from('ok')))).toBe('ok');
    expect(
      await post(url, { ':path': '/test.Echo/Echo', 'x-bad': '\xff' }, Buffer.from([0, 0, 0, 0, 0])),
    ).toMatchObject({
      'grpc-status': '3',
      'grpc-message': 'bad header',
    });
  });
});

describe('messages that are cut short', () => {
  test('are refused', async () => {
    const { url } = await start({ Echo: echo });
    expect(await post(url, { ':path': '/test.Echo/Echo' }, Buffer.from([0, 0, 0, 0, 9, 1]))).toMatchObject({
      'grpc-status': '2',
      'grpc-message': 'unexpected EOF',
    });
  });
});

describe('streams', () => {
  test('give each message in order, then the half close, then end with a status', async () => {
    const { client } = await start({
      Stream: {
        kind: 'bidi',
        handle: (stream: BidiStream) => {
          stream.onMessage((message) => stream.send([message, Buffer.from('!')]));
          stream.onHalfClose(() => stream.end({ code: 5, message: 'that was it' }));
        },
      },
    });
    const stream = open(client, '/test.Echo/Stream');
    const got: string[] = [];
    stream.on('data', (message: Buffer) => got.push(String(message)));
    const status = new Promise((resolve) => stream.on('status', resolve));
    stream.write(Buffer.from('a'));
    stream.write(Buffer.from('b'));
    stream.end();
    expect(await status).toMatchObject({ code: 5, details: 'that was it' });
    expect(got).toEqual(['a!', 'b!']);
  });

  test('promise 8: send says false to a client that does not read, and drain says when to go on', async () => {
    let left = 1000;
    let drained = 0;
    const part: Slices = [Buffer.alloc(64 * 1024)];
    const { url } = await start({
      Flood: {
        kind: 'serverStream',
        handle: (_request, stream: ServerStream) => {
          const more = (): void => {
            while (left > 0) {
              left--;
              if (!stream.send(part)) return;
            }
            stream.end();
          };
          stream.onDrain(() => {
            drained++;
            more();
          });
          more();
        },
      },
    });
    // grpc-js reads ahead without bound; HTTP/2 by itself does not.
    const session = connect(url);
    closers.push(() => session.destroy());
    const stream = session.request({ ...grpcHeaders, ':path': '/test.Echo/Flood' });
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(left).toBeGreaterThan(900);
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(1000 * (5 + 64 * 1024));
    expect(drained).toBeGreaterThan(0);
  });

  test('tell their handler once when the client goes away', async () => {
    let opened = 0;
    let cancelled = 0;
    const handle = (stream: BidiStream): void => {
      opened++;
      stream.onCancel(() => cancelled++);
    };
    const { client } = await start({ Stream: { kind: 'bidi', handle } });
    const stream = open(client, '/test.Echo/Stream');
    await expect.poll(() => opened).toBe(1);
    stream.cancel();
    await expect.poll(() => cancelled).toBe(1);
  });
});

describe('stopping', () => {
  test('lets calls end, and cuts off those that do not', async () => {
    const release: (() => void)[] = [];
    // The grace is over when the test says so.
    const [graceMs, node] = [30_017, new NodeScheduler()];
    let expire = (): void => expect.unreachable();
    const after = (ms: number, run: () => void): Cancel => {
      if (ms !== graceMs) return node.after(ms, run);
      expire = run;
      return () => undefined;
    };
    const methods: Record<string, Method> = {
      Wait: {
        kind: 'unary',
        handle: (_request, _call, reply) => release.push(() => reply(undefined, Buffer.from('done'))),
      },
      Never: { kind: 'bidi', handle: () => undefined },
    };
    const { client, server } = await start(methods, { scheduler: { soon: (run) => node.soon(run), after } });
    const waiting = unary(client, '/test.Echo/Wait', Buffer.alloc(0));
    const never = open(client, '/test.Echo/Never');
    const ended = new Promise((resolve) => never.on('status', resolve));
    await expect.poll(() => release.length).toBe(1);
    let isDrained = false;
    const drained = server.drain(graceMs).then(() => (isDrained = true));
    setTimeout(() => release[0]!(), 50);
    expect(String(await waiting)).toBe('done');
    expect(isDrained).toBe(false);
    expire();
    await drained;
    expect(await ended).toMatchObject({ code: 14 });
    await expect.poll(() => server.connections).toBe(0);
  });
});

describe('what is not gRPC', () => {
  const page: HttpHandler = (exchange) =>
    exchange.respond(
      200,
      { 'content-type': 'text/plain' },
      `${exchange.method} ${exchange.path} ${exchange.secure}`,
    );

  test('is served over HTTP/2 and HTTP/1.1 on the same port', async () => {
    const { client, url } = await start({ Echo: echo }, { http: page });
    expect(String(await unary(client, '/test.Echo/Echo', Buffer.from('abc')))).toBe('abc');
    expect(await (await fetch(`${url}/a?b`)).text()).toBe('GET /a false');
    const { headers, body } = await request(url, { ':path': '/c?d' });
    expect([headers[':status'], headers['content-length'], body]).toEqual([200, '12', 'GET /c false']);
  });

  test('and only looks like it is answered in the words of gRPC', async () => {
    const { url } = await start({ Echo: echo }, { http: page });
    const web = { ':method': 'POST', ':path': '/test.Echo/Echo', 'content-type': 'application/grpc-web' };
    expect((await request(url, web)).headers).toMatchObject({ ':status': 415, 'grpc-status': '3' });
  });

  test('is refused where nothing else is served', async () => {
    const { url } = await start({ Echo: echo });
    expect((await request(url, { ':path': '/' })).headers).toMatchObject({
      ':status': 415,
      'grpc-status': '3',
    });
    await expect(fetch(url)).rejects.toThrow();
  });

  test('has a port of its own, or none, when listeners say so', async () => {
    const server = createServer({
      ...serverOptions,
      services: [{ name: 'test.Echo', methods: { Echo: echo } }],
      http: page,
    });
    closers.push(() => server.close());
    const urls: Record<string, string> = {};
    for (const traffic of ['grpc', 'http'] as const) {
      const listener = await Listener.open('http://127.0.0.1:0', { traffic });
      server.serve(listener);
      urls[traffic] = listener.url;
    }
    const call = { ':path': '/test.Echo/Echo', ':method': 'POST', 'content-type': 'application/grpc' };
    const message = Buffer.from([0, 0, 0, 0, 1, 65]);
    expect((await request(urls['grpc']!, call, message)).body).toBe('\0\0\0\0\u0001A');
    expect((await request(urls['grpc']!, { ':path': '/' })).headers[':status']).toBe(415);
    await expect(fetch(urls['grpc']!)).rejects.toThrow();
    expect((await request(urls['http']!, call, message)).body).toBe('POST /test.Echo/Echo false');
    expect(await (await fetch(urls['http']!)).text()).toBe('GET / false');
  });

  test('ends when the server stops, at the latest when the grace has run out', async () => {
    let isWaiting = false;
    const handler: HttpHandler = (exchange) => {
      if (exchange.path === '/wait') isWaiting = true;
      else page(exchange);
    };
    const { server, url } = await start({}, { http: handler });
    await (await fetch(url)).text();
    const waiting = expect(fetch(`${url}/wait`)).rejects.toThrow();
    await expect.poll(() => isWaiting).toBe(true);
    await server.drain(200);
    await waiting;
    await expect.poll(() => server.connections).toBe(0);
  });
});

test('a client that breaks the rules is logged', async () => {
  const lines: unknown[] = [];
  const { url } = await start({}, { logger: { ...silentLogger, warn: (...line) => lines.push(line) } });
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  closers.push(() => void socket.destroy());
  socket.resume();
  // SETTINGS of one byte.
  socket.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u0001\u0004\0\0\0\0\0\0', 'latin1'));
  await expect
    .poll(() => lines)
    .toMatchObject([['closed a connection that broke the rules of HTTP/2', { code: 6 }]]);
});

const grpcHeaders = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/** One POST in gRPC's form over plain HTTP/2; gives the trailers, or the headers of an answer without a body. */
function post(url: string, headers: Record<string, string>, body: Buffer): Promise<Record<string, unknown>> {
  const session: ClientHttp2Session = connect(url);
  closers.push(() => session.destroy());
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...grpcHeaders, ...headers });
    stream.on('error', reject);
    stream.on('response', (answer) => {
      if ('grpc-status' in answer) resolve(answer);
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => resolve(trailers));
    stream.resume();
    stream.end(body);
  });
}

/** Any request over HTTP/2. */
async function request(
  url: string,
  headers: Record<string, string>,
  content = Buffer.alloc(0),
): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  const session = connect(url);
  closers.push(() => session.destroy());
  const stream = session.request(headers, { endStream: content.length === 0 });
  if (content.length > 0) stream.end(content);
  const answered = new Promise<IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
  let body = '';
  for await (const chunk of stream) body += (chunk as Buffer).toString('latin1');
  return { headers: await answered, body };
}

/**
 * Goal: HTTP requests become calls and their outcomes HTTP answers, whatever the handler and the client do. Method: services
 * made here, and exchanges without a connection. What etcd's own gateway answers is compared by `npm run test:etcd`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FakeExchange, type FakeRequest } from '../../../test/support/fake-exchange.ts';
import { bytesOf, TestSource } from '../../../test/support/messages.ts';
import { ByteRuns } from '../../base/index.ts';
import type { BidiStream, Method, Reply, ServerStream } from '../../transport/index.ts';
import { codecOf, encodeKeyValue, encodeRangeResponse } from '../../wire/index.ts';
import { createGateway, type GatewayOptions } from './gateway.ts';

const RECEIVE_BYTES_MAX = 1000;

interface Asked extends FakeRequest {
  readonly body?: string;
}

/** A gateway whose only methods are these: `Range`, `Watch`, `Snapshot`. */
function ask(
  methods: Readonly<Record<string, Method>>,
  request: Asked,
  options: Partial<GatewayOptions> = {},
): { exchange: FakeExchange; faults: unknown[] } {
  const faults: unknown[] = [];
  const only = (name: string): Record<string, Method> =>
    methods[name] === undefined ? {} : { [name]: methods[name] };
  const gateway = createGateway({
    services: [
      { name: 'etcdserverpb.KV', methods: only('Range') },
      { name: 'etcdserverpb.Watch', methods: only('Watch') },
      { name: 'etcdserverpb.Maintenance', methods: only('Snapshot') },
    ],
    receiveBytesMax: RECEIVE_BYTES_MAX,
    onFault: (error) => faults.push(error),
    ...options,
  });
  const exchange = new FakeExchange(request);
  gateway(exchange, exchange.path);
  return { exchange, faults };
}

const unary = (run: (request: Uint8Array, reply: Reply) => void): Record<string, Method> => ({
  Range: { kind: 'unary', handle: (request, _call, reply) => run(request, reply) },
});
const RANGE = { path: '/v3/kv/range' };
const WATCH = { path: '/v3/watch' };

function listOf(count: number, valueBytes: number): TestSource {
  const kvs = new ByteRuns();
  const value = Buffer.alloc(valueBytes, 'v');
  const kv = encodeKeyValue({
    key: Buffer.from('k'),
    createRevision: 2,
    modRevision: 2,
    version: 1,
    value,
    lease: 0n,
  });
  for (let i = 0; i < count; i++) kvs.push(kv, 0, kv.length);
  return new TestSource(bytesOf(encodeRangeResponse({ header: undefined, kvs, more: false, count })));
}

describe('a call with one answer', () => {
  test('gets the message and answers with one', async () => {
    let seen: Uint8Array | undefined;
    const answer = bytesOf(
      encodeRangeResponse({ header: undefined, kvs: new ByteRuns(), more: true, count: 3 }),
    );
    const methods = unary((request, reply) => {
      seen = request;
      reply(undefined, answer);
    });
    const { exchange } = ask(methods, { ...RANGE, body: '{"key":"YQ=="}' });
    await exchange.done;
    expect(Buffer.from(seen ?? []).toString('hex')).toBe('0a0161');
    expect(exchange).toMatchObject({
      status: 200,
      text: '{"more":true,"count":"3"}',
      isStreamed: false,
      responseHeaders: {
        'content-type': 'application/json',
        'grpc-metadata-content-type': 'application/grpc',
      },
    });
  });

  test.each([
    [1, 499], [2, 500], [3, 400], [4, 504], [5, 404], [6, 409], [7, 403], [8, 429], [9, 400], [10, 409], [11, 400], [12, 501],
    [13, 500], [14, 503], [15, 500], [16, 401], [99, 500],
  ])('with status %i is HTTP %i', async (code, status) => {
    const { exchange } = ask(unary((_request, reply) => reply({ code, message: 'a "<b>"' })), RANGE);
    await exchange.done;
    expect(exchange).toMatchObject({ status, text: `{"code":${code},"message":"a \\"<b>\\""}` });
    expect(exchange.responseHeaders['www-authenticate']).toBe(code === 16 ? 'a "<b>"' : undefined);
  }); // prettier-ignore

  test('sees the headers that grpc-gateway passes on, and no others', async () => {
    const seen: (string | undefined)[] = [];
    const names = [
      'authorization',
      'hasleader',
      'grpcgateway-user-agent',
      'cookie',
      'x-forwarded-host',
      'odd',
    ];
    const methods: Record<string, Method> = {
      Range: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          seen.push(...names.map((name) => call.metadata(name)), call.path, String(call.deadlineMs));
          reply(undefined, []);
        },
      },
    };
    const headers = {
      'authorization': 'token', 'grpc-metadata-hasleader': 'true', 'user-agent': 'curl', 'cookie': 'c', 'hasleader': 'x',
      'grpc-metadata-odd': 'a\xff',
    }; // prettier-ignore
    await ask(methods, { ...RANGE, host: 'h:1', headers }).exchange.done;
    expect(seen).toEqual([
      'token', 'true', 'curl', undefined, 'h:1', undefined, '/etcdserverpb.KV/Range', 'Infinity',
    ]); // prettier-ignore
  });

  test('is refused by headers, as over gRPC', async () => {
    const refuse = (header: (name: string) => string | undefined) =>
      header('client-api-version') === 'bad' ? { code: 3, message: 'refused' } : undefined;
    const headers = { 'grpc-metadata-client-api-version': 'bad' };
    const { exchange } = ask(
      unary(() => expect.unreachable()),
      { ...RANGE, headers },
      { refuse },
    );
    await exchange.done;
    expect(exchange).toMatchObject({ status: 400, text: '{"code":3,"message":"refused"}' });
  });

  test('that throws is answered with Internal, and reported', async () => {
    const error = new Error('a bug');
    const methods = unary(() => {
      throw error;
    });
    const { exchange, faults } = ask(methods, RANGE);
    await exchange.done;
    expect(exchange).toMatchObject({ status: 500, text: '{"code":13,"message":"internal error"}' });
    expect(faults).toEqual([error]);
  });

  test('promise 7: too large a body or message has its own answer', async () => {
    const methods = unary(() => expect.unreachable());
    const message = ask(methods, {
      ...RANGE,
      body: JSON.stringify({ key: Buffer.alloc(1001).toString('base64') }),
    });
    await message.exchange.done;
    expect(message.exchange).toMatchObject({
      status: 429,
      text: '{"code":8,"message":"grpc: received message larger than max (1004 vs. 1000)"}',
    });
    const body = ask(methods, { ...RANGE, body: `{}${' '.repeat(2000)}` });
    await body.exchange.done;
    expect(body.exchange).toMatchObject({
      status: 429,
      text: '{"code":8,"message":"engram: request body larger than max (2000 bytes)"}',
    });
  });

  test('past its deadline is told so, and the late answer goes nowhere', async () => {
    let late: Reply | undefined;
    let cancelled = 0;
    const methods: Record<string, Method> = {
      Range: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          late = reply;
          call.onCancel(() => cancelled++);
        },
      },
    };
    const { exchange } = ask(methods, { ...RANGE, headers: { 'grpc-timeout': '20m' } });
    await exchange.done;
    late?.(undefined, []);
    expect(exchange).toMatchObject({ status: 504, text: '{"code":4,"message":"context deadline exceeded"}' });
    expect(cancelled).toBe(1);
  });

  test('whose client goes is cancelled', async () => {
    let late: Reply | undefined;
    let cancelled = 0;
    const methods: Record<string, Method> = {
      Range: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          late = reply;
          call.onCancel(() => cancelled++);
        },
      },
    };
    const { exchange } = ask(methods, RANGE);
    await expect.poll(() => late).toBeDefined();
    exchange.cancel();
    late?.(undefined, []);
    expect([cancelled, exchange.status]).toEqual([1, 0]);
  });
});

describe('promise 8: a large answer', () => {
  test('is made no faster than the client takes it', async () => {
    const windowBytes = 256 * 1024;
    const { exchange } = ask(
      unary((_request, reply) => reply(undefined, listOf(1_000, 20_000))),
      { ...RANGE, windowBytes },
    );
    await expect.poll(() => exchange.isStreamed).toBe(true);
    let most = 0;
    for (let before = 0; !exchange.ended;) {
      most = Math.max(most, exchange.sentBytes - before);
      before = exchange.sentBytes;
      exchange.drain(windowBytes);
      await delay(1);
    }
    expect(most).toBeLessThanOrEqual(windowBytes + 64 * 1024);
    const { kvs } = JSON.parse(exchange.text) as { kvs: { value: string }[] };
    expect(kvs).toHaveLength(1_000);
    expect(kvs[999]?.value).toBe(Buffer.alloc(20_000, 'v').toString('base64'));
  });

  test('leaves others their turn', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const { exchange } = ask(
      unary((_request, reply) => reply(undefined, listOf(100_000, 100))),
      RANGE,
    );
    await exchange.done;
    isOver = true;
    expect(exchange.sentBytes).toBeGreaterThan(20_000_000);
    expect(turns).toBeGreaterThan(20);
  });

  test('ends when the client goes', async () => {
    const request = { ...RANGE, windowBytes: 1 };
    const { exchange } = ask(
      unary((_request, reply) => reply(undefined, listOf(1_000, 1_000))),
      request,
    );
    await expect.poll(() => exchange.isStreamed).toBe(true);
    exchange.cancel();
    const { sentBytes } = exchange;
    exchange.drain(1_000_000_000);
    await delay(5);
    expect(exchange.sentBytes).toBe(sentBytes);
  });
});

const codec = codecOf<Record<string, unknown>>('etcdserverpb.WatchResponse');
const response = (id: number): Uint8Array[] => [codec.encode({ watch_id: id })];
const line = (id: number): string => `{"result":${id === 0 ? '{}' : `{"watch_id":"${id}"}`}}\n`;

function bidi(handle: (stream: BidiStream) => void): Record<string, Method> {
  return { Watch: { kind: 'bidi', handle } };
}

describe('a stream', () => {
  test('of requests and answers, one line each', async () => {
    const seen: string[] = [];
    const methods = bidi((stream) => {
      stream.onMessage((request) => {
        seen.push(Buffer.from(request).toString('hex'));
        stream.send(response(seen.length));
      });
      stream.onHalfClose(() => stream.end());
    });
    const { exchange } = ask(methods, {
      ...WATCH,
      body: '{"progress_request":{}}{"cancelRequest":{"watch_id":5}}',
    });
    await exchange.done;
    expect(seen).toEqual(['1a00', '12020805']);
    expect(exchange).toMatchObject({ status: 200, text: line(1) + line(2) });
    expect(exchange.responseHeaders).toMatchObject({ 'grpc-metadata-content-type': 'application/grpc' });
  });

  test('takes each request when it has come, and answers at once', async () => {
    const seen: string[] = [];
    let isHalfClosed = false;
    const methods = bidi((stream) => {
      stream.onMessage((request) => {
        seen.push(Buffer.from(request).toString('hex'));
        stream.send(response(seen.length));
      });
      stream.onHalfClose(() => (isHalfClosed = true));
    });
    const { exchange } = ask(methods, { ...WATCH, isOpen: true });
    exchange.send(' \n{"progress_req');
    expect([seen.length, exchange.status]).toEqual([0, 0]);
    exchange.send('uest":{}}{"cancelRequest"');
    await expect.poll(() => [seen.length, exchange.status]).toEqual([1, 200]);
    exchange.send(':{"watch_id":5}}\n');
    await expect.poll(() => seen).toEqual(['1a00', '12020805']);
    expect(exchange.text).toBe(line(1) + line(2));
    // All that was taken may be sent again, and space is taken too.
    await expect
      .poll(() => exchange.consumedBytes)
      .toBe(' \n{"progress_request":{}}{"cancelRequest":{"watch_id":5}}\n'.length);
    expect(isHalfClosed).toBe(false);
    exchange.send(' ', true);
    await expect.poll(() => isHalfClosed).toBe(true);
    expect(exchange.ended).toBe(false);
    exchange.cancel();
  });

  test('is told at once of a request that cannot be read; what comes behind it is thrown away', async () => {
    let isHalfClosed = false;
    const seen: number[] = [];
    const methods = bidi((stream) => {
      stream.onMessage((request) => seen.push(request.length));
      stream.onHalfClose(() => (isHalfClosed = true));
    });
    const { exchange } = ask(methods, { ...WATCH, isOpen: true });
    exchange.send('{}{"progress_request":nope');
    await expect.poll(() => [seen, isHalfClosed]).toEqual([[0], true]);
    exchange.send(Buffer.alloc(100_000));
    expect(exchange.consumedBytes).toBe(100_026);
    exchange.send('{}', true);
    expect([seen, exchange.ended]).toEqual([[0], false]);
    exchange.cancel();
  });

  test('promise 7: a client may send no more than a window beyond what the handler takes', async () => {
    let paused: BidiStream | undefined;
    let seen = 0;
    const methods = bidi((stream) => {
      paused = stream;
      stream.onMessage(() => {
        if (++seen === 2) stream.pause();
      });
    });
    const { exchange } = ask(methods, { ...WATCH, isOpen: true });
    exchange.send('{}');
    await expect.poll(() => exchange.consumedBytes).toBe(2);
    exchange.send('{}{}');
    exchange.send('{}{}');
    await expect.poll(() => [seen, exchange.consumedBytes]).toEqual([2, 2]);
    paused?.resume();
    await expect.poll(() => [seen, exchange.consumedBytes]).toEqual([5, 10]);
    exchange.cancel();
  });

  test('promise 8: a request that is too long to be read ends with an error', async () => {
    let cancelled = 0;
    const methods = bidi((stream) => stream.onCancel(() => cancelled++));
    const { exchange } = ask(methods, { ...WATCH, isOpen: true });
    exchange.send(`{"create_request":{"key":"${'A'.repeat(2000)}`);
    await exchange.done;
    expect(exchange.text).toBe(
      '{"error":{"code":8,"message":"engram: the body is longer than 2000 bytes"}}\n',
    );
    expect([exchange.status, cancelled]).toEqual([429, 1]);
  });

  test('takes requests up to one that cannot be read, and no more than the handler wants', async () => {
    const seen: number[] = [];
    let paused: BidiStream | undefined;
    const methods = bidi((stream) => {
      paused = stream;
      stream.onMessage((request) => {
        seen.push(request.length);
        stream.pause();
      });
      stream.onHalfClose(() => stream.end());
    });
    const { exchange } = ask(methods, {
      ...WATCH,
      body: '{} {"progress_request":{}} {"progress_request":5} {}',
    });
    await expect.poll(() => seen).toEqual([0]);
    paused?.resume();
    expect(seen).toEqual([0, 2]);
    paused?.resume();
    await exchange.done;
    expect(seen).toEqual([0, 2]);
    expect(exchange).toMatchObject({ status: 200, text: '', responseHeaders: {} });
  });

  test('that fails says so in its last line, or by its status when it has none', async () => {
    const status = { code: 14, message: '<stopped>' };
    const failing = bidi((stream) => {
      stream.send(response(0));
      stream.end(status);
      stream.send(response(1));
    });
    const { exchange } = ask(failing, WATCH);
    await exchange.done;
    const error = '{"error":{"code":14,"message":"\\u003cstopped\\u003e"}}\n';
    expect(exchange).toMatchObject({ status: 200, text: line(0) + error });
    const early = ask(
      bidi((stream) => stream.end(status)),
      WATCH,
    ).exchange;
    await early.done;
    expect(early).toMatchObject({
      status: 503,
      text: error,
      responseHeaders: { 'content-type': 'application/json' },
    });
  });

  test('past its deadline ends with an error, and its handler knows', async () => {
    let cancelled = 0;
    const methods = bidi((stream) => {
      stream.send(response(1));
      stream.onCancel(() => cancelled++);
    });
    const { exchange } = ask(methods, { ...WATCH, headers: { 'grpc-timeout': '20m' } });
    await exchange.done;
    expect(exchange.text).toBe(`${line(1)}{"error":{"code":4,"message":"context deadline exceeded"}}\n`);
    expect(cancelled).toBe(1);
  });

  test('promise 7: asks its handler to wait when the client is behind', async () => {
    let sent = 0;
    let stream: BidiStream | undefined;
    const fill = (): void => {
      while (stream!.send(response(++sent)));
    };
    const methods = bidi((each) => {
      stream = each;
      each.onDrain(fill);
      fill();
    });
    const { exchange } = ask(methods, { ...WATCH, windowBytes: 100 });
    await expect.poll(() => stream).toBeDefined();
    const before = sent;
    expect(before).toBeGreaterThan(100);
    expect(before).toBeLessThan(10_000);
    expect(exchange.sentBytes).toBeLessThan(200);
    exchange.drain(200_000);
    for (let i = 0; i < 1000 && sent === before; i++) await delay(5);
    expect(sent).toBeGreaterThan(before);
    exchange.cancel();
    expect(stream?.ended).toBe(true);
    const lines = exchange.text.trimEnd().split('\n');
    expect(lines.map((each) => `${each}\n`)).toEqual(lines.map((_each, i) => line(i + 1)));
  });

  test('whose request is too large ends with that error', async () => {
    const cancelled: number[] = [];
    const methods = bidi((stream) => {
      stream.onMessage(() => stream.send(response(1)));
      stream.onCancel(() => cancelled.push(1));
    });
    const large = JSON.stringify({ create_request: { key: Buffer.alloc(1000).toString('base64') } });
    const { exchange } = ask(methods, { ...WATCH, body: `{}${large}` });
    await exchange.done;
    expect(exchange.text).toContain('{"error":{"code":8,"message":"grpc: received message larger than max');
    expect(cancelled).toEqual([1]);
  });

  test('whose handler throws ends with Internal', async () => {
    const methods = bidi((stream) =>
      stream.onMessage(() => {
        throw new Error('a bug');
      }),
    );
    const { exchange, faults } = ask(methods, { ...WATCH, body: '{}' });
    await exchange.done;
    expect(exchange).toMatchObject({
      status: 500,
      text: '{"error":{"code":13,"message":"internal error"}}\n',
    });
    expect(faults).toHaveLength(1);
  });

  test('of answers only has one request, refused as in other calls', async () => {
    const handle = (_request: Uint8Array, stream: ServerStream): void => {
      stream.send([
        codecOf('etcdserverpb.SnapshotResponse').encode({ remaining_bytes: 1, blob: Buffer.from('ab') }),
      ]);
      stream.end();
    };
    const methods: Record<string, Method> = { Snapshot: { kind: 'serverStream', handle } };
    const { exchange } = ask(methods, { path: '/v3/maintenance/snapshot' });
    await exchange.done;
    expect(exchange).toMatchObject({
      status: 200,
      text: '{"result":{"remaining_bytes":"1","blob":"YWI="}}\n',
    });
    const bad = ask(methods, { path: '/v3/maintenance/snapshot', body: 'x' }).exchange;
    await bad.done;
    expect(bad.text).toBe('{"code":3,"message":"invalid character \'x\' looking for beginning of value"}');
  });
});

describe('paths and methods', () => {
  const methods = unary((_request, reply) => reply(undefined, []));

  test.each([
    ['/v3/kv/range', 'POST', 200],
    ['/v3/kv/range', 'GET', 501],
    ['/v3/kv/put', 'POST', 404],
    ['/v3/auth/status', 'POST', 404],
    ['/v3/lock/lock', 'POST', 404],
    ['/v3/nothing', 'GET', 404],
  ])('%s by %s', async (path, method, status) => {
    const { exchange } = ask(methods, { path, method });
    await exchange.done;
    expect(exchange.status).toBe(status);
  });

  test('a form may name another method, and is then empty', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-http-method-override': 'post' };
    let length = -1;
    const counting = unary((request, reply) => {
      length = request.length;
      reply(undefined, []);
    });
    await ask(counting, { ...RANGE, headers, body: '{"key":"YQ=="}' }).exchange.done;
    expect(length).toBe(0);
    const put = ask(counting, {
      ...RANGE,
      headers: { ...headers, 'x-http-method-override': 'PUT' },
    }).exchange;
    await put.done;
    expect(put.text).toBe('{"code":12,"message":"Method Not Allowed"}');
  });
});

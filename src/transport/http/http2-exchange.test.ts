/** Goal: HTTP requests on streams of HTTP/2. Method: streams without a connection. */
import { describe, expect, test } from 'vitest';
import { FakeStream, requestHead, type TestHeaders } from '../../../test/support/fake-stream.ts';
import { HttpBodyError, type BodyStream, type HttpExchange, type HttpHandler } from './exchange.ts';
import { serveHttpStream } from './http2-exchange.ts';
import { SlowSenders } from './slow-senders.ts';

const get = { ':method': 'GET', ':scheme': 'https', ':authority': 'host:1', ':path': '/' };

const senders = new SlowSenders({ requestMsMax: 100, checkMs: 10 });

/** What bodies take, of so much that there is. */
const memory = {
  taken: 0,
  bytesMax: 1_000_000,
  take(bytes: number): boolean {
    if (this.taken + bytes > this.bytesMax) return false;
    this.taken += bytes;
    return true;
  },
  give(bytes: number): void {
    this.taken -= bytes;
  },
};

function serve(
  handler: HttpHandler,
  headers: TestHeaders = {},
  endedByPeer = true,
): { stream: FakeStream; faults: unknown[] } {
  const stream = new FakeStream(requestHead({ ...get, ...headers }), endedByPeer);
  const faults: unknown[] = [];
  const onFault = (error: unknown, path: string): unknown => faults.push([error, path]);
  serveHttpStream(stream, { isSecure: true, handler, onFault, memory, senders });
  return { stream, faults };
}

/** The exchange of a request, for the test to answer. */
function open(
  headers: TestHeaders = {},
  endedByPeer = false,
): { stream: FakeStream; exchange: HttpExchange } {
  let exchange: HttpExchange | undefined;
  const { stream } = serve((opened) => (exchange = opened), headers, endedByPeer);
  if (exchange === undefined) throw new Error('the handler was not called');
  return { stream, exchange };
}

describe('a request', () => {
  test('is told as it was sent', () => {
    const { exchange } = open({ ':path': '/a%20b?c=d?e', 'x-name': 'value' });
    expect(exchange).toMatchObject({
      method: 'GET',
      path: '/a%20b',
      query: 'c=d?e',
      host: 'host:1',
      peer: '127.0.0.1:1',
      secure: true,
      ended: false,
    });
    expect(exchange.header('x-name')).toBe('value');
    expect(exchange.header('x-other')).toBeUndefined();
    expect(open({ ':path': '*' }).exchange).toMatchObject({ path: '*', query: '' });
  });

  test('has a body, which is asked for before much of it comes', async () => {
    const { stream, exchange } = open({ ':method': 'POST' });
    stream.receive(Buffer.from('abc'), false, 1);
    expect(stream.consumedBytes).toBe(0);
    const body = exchange.body(6);
    expect(stream.consumedBytes).toBe(3);
    stream.receive(Buffer.from('def'), true, 2);
    expect(String(await body)).toBe('abcdef');
    expect(stream.consumedBytes).toBe(6);
  });

  test('without a body has an empty one; trailers end one', async () => {
    expect(await open({}, true).exchange.body(0)).toHaveLength(0);
    const { stream, exchange } = open({ ':method': 'POST' });
    stream.receive(Buffer.from('abc'), false);
    stream.receiver.trailers([]);
    expect(String(await exchange.body(3))).toBe('abc');
  });

  test('promise 8: a body that is too long is not kept', async () => {
    const announced = open({ ':method': 'POST', 'content-length': '7' });
    await expect(announced.exchange.body(6)).rejects.toMatchObject({ code: 'tooLarge' });
    const { stream, exchange } = open({ ':method': 'POST' });
    const body = exchange.body(6);
    stream.receive(Buffer.from('abcdefg'), false, 4);
    await expect(body).rejects.toBeInstanceOf(HttpBodyError);
    stream.receive(Buffer.alloc(1000), true);
    expect(stream.consumedBytes).toBe(1007);
    exchange.respond(413, {}, 'too long');
    expect(stream.sent[0]?.[':status']).toBe('413');
  });

  test('promise 8: a body for which there is no memory is refused; nothing stays taken', async () => {
    expect(memory.taken).toBe(0);
    const held = [open({ ':method': 'POST' }), open({ ':method': 'POST' })];
    for (const { stream, exchange } of held) {
      void exchange.body(1_000_000).catch(() => undefined);
      stream.receive(Buffer.alloc(400_000), false);
    }
    const { stream, exchange } = open({ ':method': 'POST' });
    const body = exchange.body(1_000_000);
    stream.receive(Buffer.alloc(400_000), false);
    await expect(body).rejects.toMatchObject({ code: 'tooLarge' });
    expect(stream.consumedBytes).toBe(400_000);
    expect(memory.taken).toBe(800_000);
    held[0]?.stream.receiver.cancelled(8);
    held[1]?.exchange.respond(200, {}, '');
    expect(memory.taken).toBe(0);
    const read = open({ ':method': 'POST' });
    read.stream.receive(Buffer.alloc(400_000), true);
    expect(memory.taken).toBe(400_000);
    expect(await read.exchange.body(1_000_000)).toHaveLength(400_000);
    expect(memory.taken).toBe(0);
    const unread = open({ ':method': 'POST' });
    unread.stream.receive(Buffer.alloc(400_000), true);
    unread.exchange.respond(404, {}, 'none');
    expect(memory.taken).toBe(0);
  });

  test('of a client that goes tells its handler', async () => {
    const { stream, exchange } = open({ ':method': 'POST' });
    const events: string[] = [];
    exchange.onCancel(() => events.push(`cancelled ${exchange.ended}`));
    const body = exchange.body(6);
    stream.receiver.cancelled(8);
    stream.receiver.cancelled(8);
    await expect(body).rejects.toMatchObject({ code: 'cancelled' });
    expect(events).toEqual(['cancelled true']);
    exchange.respond(200, {}, 'late');
    expect(stream.sent).toEqual([]);
  });
});

describe('a body that is read while it comes', () => {
  const post = { ':method': 'POST' };
  const watchBody = (exchange: HttpExchange, bytesMax = 100): { body: BodyStream; events: string[] } => {
    const events: string[] = [];
    const body = exchange.stream({
      bytesMax,
      onData: () => events.push(`${body.bytes.toString()}${body.isComplete ? '.' : ''}`),
      onError: ({ code }) => events.push(code),
    });
    return { body, events };
  };

  test('is told when it was asked for, and may be sent again when it was', () => {
    const { stream, exchange } = open(post);
    stream.receive(Buffer.from('a'), false);
    const { body, events } = watchBody(exchange);
    expect([body.bytes.toString(), stream.consumedBytes]).toEqual(['a', 0]);
    stream.receive(Buffer.from('bc'), false, 1);
    expect([events, stream.consumedBytes]).toEqual([[], 0]);
    body.take(2);
    body.more();
    expect([body.bytes.toString(), stream.consumedBytes]).toEqual(['c', 3]);
    stream.receive(Buffer.from('de'), false, 1);
    expect([events, stream.consumedBytes]).toEqual([['cd'], 3]);
    body.more();
    exchange.start(200, {});
    exchange.write('answer');
    expect(stream.body.toString()).toBe('answer');
    stream.receiver.trailers([]);
    expect(events).toEqual(['cd', 'cde.']);
    expect([body.isComplete, stream.consumedBytes]).toEqual([true, 5]);
    exchange.finish();
    expect([stream.closed, memory.taken]).toEqual([true, 0]);
  });

  test('promise 8: takes memory for what was not taken, and no more than it may', () => {
    const { stream, exchange } = open(post);
    const { body, events } = watchBody(exchange, 10_000);
    body.more();
    for (let i = 0; i < 1000; i++) {
      stream.receive(Buffer.alloc(100), false);
      body.take(i % 3 === 0 ? body.bytes.length : 90);
      body.more();
    }
    expect(memory.taken).toBeLessThan(2048);
    body.take(body.bytes.length);
    expect([memory.taken, stream.consumedBytes, events.length]).toEqual([0, 100_000, 1000]);
    stream.receive(Buffer.alloc(10_001), false);
    body.more();
    expect([events.at(-1), memory.taken]).toEqual(['tooLarge', 0]);
    stream.receive(Buffer.alloc(10_000), false);
    expect(stream.consumedBytes).toBe(120_001);
    exchange.start(200, {});
    exchange.finish();
    expect(stream.closed).toBe(true);
  });

  test('that nobody wants any more is thrown away; a client that goes is told to the exchange alone', () => {
    const { stream, exchange } = open(post);
    const { body, events } = watchBody(exchange);
    exchange.onCancel(() => events.push('gone'));
    stream.receive(Buffer.from('abc'), false);
    body.discard();
    stream.receive(Buffer.from('def'), false);
    expect([body.bytes.length, stream.consumedBytes, memory.taken]).toEqual([0, 6, 0]);
    stream.receiver.cancelled(8);
    expect(events).toEqual(['gone']);
  });

  test('is asked for when the client waits for that', () => {
    for (const read of [
      (exchange: HttpExchange) => void watchBody(exchange),
      (exchange: HttpExchange) => void exchange.body(10),
    ]) {
      const { stream, exchange } = open({ ...post, expect: '100-continue' });
      expect(stream.sent).toEqual([]);
      read(exchange);
      expect(stream.sent).toEqual([{ ':status': '100' }]);
      exchange.respond(200, {}, '');
      expect(stream.sent[1]).toMatchObject({ ':status': '200' });
    }
    const long = open({ ...post, expect: '100-continue', 'content-length': '11' });
    void long.exchange.body(10).catch(() => undefined);
    expect(long.stream.sent).toEqual([]);
  });
});

describe('promise 8: a client that is slow with its request', () => {
  const post = { ':method': 'POST' };
  const reader = { bytesMax: 100, onData: () => undefined, onError: () => undefined };

  test('gets 408, whether or not somebody reads', async () => {
    for (const read of [
      () => undefined,
      (exchange: HttpExchange) => void exchange.body(10).catch(() => undefined),
      (exchange: HttpExchange) => exchange.stream(reader).more(),
    ]) {
      const { stream, exchange } = open(post);
      let cancelled = 0;
      exchange.onCancel(() => cancelled++);
      read(exchange);
      await expect.poll(() => stream.closed).toBe(true);
      expect([stream.sent[0]?.[':status'], cancelled, exchange.ended]).toEqual(['408', 1, true]);
    }
  });

  test('is cut off in the middle of a message, but may rest between two', async () => {
    const resting = open(post);
    const body = resting.exchange.stream(reader);
    resting.exchange.start(200, {});
    resting.stream.receive(Buffer.from('abc'), false);
    body.take(3);
    body.more();
    const busy = open(post);
    const unread = busy.exchange.stream(reader);
    busy.stream.receive(Buffer.from('abc'), false);
    unread.take(1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([resting.stream.closed, busy.stream.closed]).toEqual([false, false]);
    resting.stream.receive(Buffer.from('a'), false);
    body.more();
    await expect.poll(() => resting.stream.resetCode).toBe(2);
    expect(resting.exchange.ended).toBe(true);
    busy.stream.receiver.cancelled(8);
  });
});

describe('an answer', () => {
  test('at once has its length and headers, but not those of HTTP/1.1', () => {
    const { stream } = serve((exchange) => {
      exchange.respond(200, { 'content-type': 'text/plain', vary: ['a', 'b'], connection: 'close' }, 'ä');
      expect(exchange.ended).toBe(true);
    });
    expect(stream.sent).toHaveLength(1);
    expect(stream.sent[0]).toMatchObject({
      ':status': '200',
      'content-type': 'text/plain',
      'content-length': '2',
      vary: 'b',
    });
    expect(Date.parse(stream.sent[0]?.['date'] ?? '')).toBeGreaterThan(Date.now() - 10_000);
    expect(stream.sent[0]).not.toHaveProperty('connection');
    expect(stream.body.toString()).toBe('ä');
    expect(stream.closed).toBe(true);
  });

  test('before the end of its request waits for it, and for its trailers', () => {
    for (const end of ['data', 'trailers']) {
      const { stream, exchange } = open({ ':method': 'POST' });
      stream.receive(Buffer.from('abc'), false);
      exchange.respond(404, {}, 'none');
      expect([exchange.ended, stream.sent.length, stream.consumedBytes]).toEqual([true, 0, 3]);
      stream.receive(Buffer.alloc(1000), false);
      expect([stream.sent.length, stream.consumedBytes]).toEqual([0, 1003]);
      if (end === 'data') stream.receive(Buffer.alloc(0), true);
      else stream.receiver.trailers([]);
      expect(stream.sent[0]).toMatchObject({ ':status': '404' });
      expect([stream.body.toString(), stream.closed]).toEqual(['none', true]);
    }
  });

  test('does not wait for a long request, nor for a client that waits for it', () => {
    const long = open({ ':method': 'POST' });
    long.exchange.respond(404, {}, 'none');
    long.stream.receive(Buffer.alloc(256 * 1024), false);
    expect(long.stream.sent).toHaveLength(0);
    long.stream.receive(Buffer.alloc(1), false);
    expect(long.stream.sent[0]).toMatchObject({ ':status': '404' });
    const expecting = open({ ':method': 'POST', expect: '100-continue' });
    expecting.exchange.respond(404, {}, 'none');
    expect(expecting.stream.sent[0]).toMatchObject({ ':status': '404' });
  });

  test('does not wait for a slow request', async () => {
    const { stream, exchange } = open({ ':method': 'POST' });
    exchange.respond(404, {}, 'none');
    await expect.poll(() => stream.sent.length, { timeout: 60_000 }).toBe(1);
  });

  test('that waits is dropped when the client goes', () => {
    const { stream, exchange } = open({ ':method': 'POST' });
    let cancelled = 0;
    exchange.onCancel(() => cancelled++);
    exchange.respond(404, {}, 'none');
    stream.receiver.cancelled(8);
    stream.receiver.cancelled(8);
    expect([cancelled, stream.sent.length]).toEqual([1, 0]);
  });

  test('to HEAD, and one without content, have no body', () => {
    const head = serve((exchange) => exchange.respond(200, {}, 'abc'), { ':method': 'HEAD' }).stream;
    expect(head.sent[0]).toMatchObject({ ':status': '200', 'content-length': '3' });
    expect([head.body.length, head.closed]).toEqual([0, true]);
    const none = serve((exchange) => exchange.respond(204, {}, '')).stream;
    expect(none.sent[0]).not.toHaveProperty('content-length');
    expect(none.closed).toBe(true);
    const empty = serve((exchange) => exchange.respond(200, {}, '')).stream;
    expect(empty.sent[0]).toHaveProperty('content-length', '0');
    expect(empty.closed).toBe(true);
  });

  test('in parts goes at the pace of the client', () => {
    const { stream, exchange } = open();
    const events: unknown[] = [];
    exchange.onDrain(() => events.push('drained'));
    exchange.start(200, {});
    events.push(exchange.write('a'), exchange.write(''));
    stream.takesMore = false;
    events.push(exchange.write(Buffer.from('b')));
    stream.receiver.drained();
    exchange.finish();
    stream.receiver.drained();
    events.push(exchange.write('late'));
    expect(events).toEqual([true, true, false, 'drained', false]);
    expect(stream.body.toString()).toBe('ab');
    expect(stream.closed).toBe(true);
    expect(stream.sent[0]).not.toHaveProperty('content-length');
  });

  test('in parts to HEAD has none', () => {
    const { stream, exchange } = open({ ':method': 'HEAD' });
    exchange.start(200, {});
    expect(exchange.write('a')).toBe(true);
    expect(stream.closed).toBe(false);
    exchange.finish();
    expect([stream.body.length, stream.closed]).toEqual([0, true]);
  });

  test('of a handler that throws is 500, or breaks off', () => {
    const fault = new Error('a bug');
    const early = serve(() => {
      throw fault;
    });
    expect(early.stream.sent[0]?.[':status']).toBe('500');
    expect(early.faults).toEqual([[fault, '/']]);
    const late = serve((exchange) => {
      exchange.start(200, {});
      throw fault;
    });
    expect(late.stream.resetCode).toBe(2);
    const answered = serve((exchange) => {
      exchange.respond(200, {}, 'ok');
      throw fault;
    });
    expect(answered.stream.body.toString()).toBe('ok');
    expect(answered.faults).toHaveLength(1);
  });

  test('twice, before its head, or with a line break in a header is a bug', () => {
    const twice = open().exchange;
    twice.start(200, {});
    expect(() => twice.start(200, {})).toThrow('answered once');
    expect(() => open().exchange.write('a')).toThrow('has a head');
    expect(() => open().exchange.finish()).toThrow('has a head');
    expect(() => open().exchange.respond(200, { a: 'b\r\nc: d' }, '')).toThrow('one line');
  });
});

test('a tunnel is refused', () => {
  const { stream } = serve(() => expect.unreachable(), { ':method': 'CONNECT', ':path': undefined });
  expect(stream.sent[0]?.[':status']).toBe('501');
});

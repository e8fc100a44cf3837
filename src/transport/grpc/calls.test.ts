/**
 * Goal: what gRPC makes of a request. Method: calls on a stream without a connection; the expected statuses are what
 * etcd 3.7.3 (gRPC for Go) answered to the same requests.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallsServer } from '../../../test/support/calls-server.ts';
import { FakeStream, framed, grpcHead } from '../../../test/support/fake-stream.ts';
import type { BidiStream, Method, Slices } from '../service.ts';

const ok = { code: 0, message: '' };

describe('unary calls', () => {
  test('are answered when their message is there, whatever follows', () => {
    const server = new CallsServer();
    for (const [body, isLast] of [
      [framed('abc'), true],
      [framed('abc'), false],
      [Buffer.concat([framed('abc'), framed('def')]), true],
      [Buffer.concat([framed('abc'), Buffer.from([9, 9])]), true],
    ] as const) {
      const stream = server.ask('Echo', body, {}, isLast);
      expect(stream.sent).toEqual([
        { ':status': '200', 'content-type': 'application/grpc' },
        { 'grpc-status': '0' },
      ]);
      expect(stream.body).toEqual(framed('abc'));
      expect(stream.consumedBytes).toBe(body.length);
    }
  });

  test.each([
    ['nothing', Buffer.alloc(0), 2, 'EOF'],
    ['part of a prefix', Buffer.from([0, 0, 0]), 2, 'EOF'],
    ['part of a message', Buffer.from([0, 0, 0, 0, 9, 1]), 2, 'unexpected EOF'],
    ['format 2', framed('a', 2), 13, 'grpc: received unexpected payload format 2'],
    ['a flag', framed('a', 1), 13, 'grpc: compressed flag set with identity or empty encoding'],
    ['too much', Buffer.from([0, 0, 0, 3, 233]), 8, 'grpc: received message larger than max (1001 vs. 1000)'],
    [
      '4 GiB',
      Buffer.from([0, 255, 255, 255, 255]),
      8,
      'grpc: received message larger than max (4294967295 vs. 1000)',
    ],
  ])('of %s fail', (_name, body, code, message) => {
    for (const frameBytes of [Infinity, 1]) {
      const stream = new CallsServer().open('Echo');
      stream.receive(body, true, frameBytes);
      expect(stream.sent).toHaveLength(1);
      expect(stream.sent[0]).toMatchObject({ ':status': '200', 'content-type': 'application/grpc' });
      expect(stream.status).toEqual({ code, message });
    }
  });

  test('without a body fail', () => {
    expect(new CallsServer().open('Echo', {}, true).status).toEqual({ code: 2, message: 'EOF' });
    const stream = new CallsServer().open('Echo');
    stream.receiver.trailers([]);
    expect(stream.status).toEqual({ code: 2, message: 'EOF' });
  });

  test('are refused before the message is read when it is too long', () => {
    const stream = new CallsServer().ask('Echo', Buffer.from([0, 0, 0, 3, 233, 1, 2]), {}, false);
    expect(stream.status?.code).toBe(8);
  });

  test('answer with several parts as with one, and with nothing', () => {
    const server = new CallsServer({
      Parts: {
        kind: 'unary',
        handle: (request, _call, reply) => reply(undefined, [request, Buffer.from('-'), request]),
      },
      Empty: { kind: 'unary', handle: (_request, _call, reply) => reply(undefined) },
    });
    expect(server.ask('Parts', framed('abc')).body).toEqual(framed('abc-abc'));
    expect(server.ask('Empty', framed('abc')).body).toEqual(framed(''));
  });

  test('run their handler once, also while it works', () => {
    let runs = 0;
    const server = new CallsServer({ Wait: { kind: 'unary', handle: () => runs++ } });
    for (const frameBytes of [Infinity, 4]) {
      const stream = server.open('Wait');
      stream.receive(Buffer.concat([framed('abc'), framed('def'), framed('x', 9)]), true, frameBytes);
      expect(stream.sent).toEqual([]);
      expect(stream.consumedBytes).toBe(22);
    }
    expect(runs).toBe(2);
  });

  test('that fail carry any text, in one block with the headers', () => {
    const status = { code: 9, message: 'no: 100 % ä\n' };
    const server = new CallsServer({
      Fail: { kind: 'unary', handle: (_request, _call, reply) => reply(status) },
    });
    const stream = server.ask('Fail', framed(''));
    expect(stream.sent).toHaveLength(1);
    expect(stream.status).toEqual(status);
  });

  test('of which the handler throws are answered, and the fault is reported', () => {
    const server = new CallsServer({
      Throw: {
        kind: 'unary',
        handle: () => {
          throw new Error('a bug');
        },
      },
    });
    expect(server.ask('Throw', framed('')).status).toEqual({ code: 13, message: 'internal error' });
    expect(server.faults).toEqual([new Error('a bug')]);
  });

  test('with an answer that no client can take end with a status', () => {
    const part = Buffer.alloc(1024 * 1024);
    const parts: Slices = Array.from({ length: 2048 }, () => part);
    const server = new CallsServer({
      Huge: { kind: 'unary', handle: (_request, _call, reply) => reply(undefined, parts) },
    });
    expect(server.ask('Huge', framed('')).status).toEqual({
      code: 8,
      message: 'grpc: trying to send message larger than max (2147483648 vs. 2147483647)',
    });
  });
});

describe('requests that are no calls', () => {
  test.each([
    ['/other.Echo/Echo', {}, 200, 12, 'unknown service other.Echo'],
    ['/test.Echo/Other', {}, 200, 12, 'unknown method Other for service test.Echo'],
    [
      'Echo',
      { 'content-type': 'application/grpc-web' },
      415,
      3,
      'invalid gRPC request content-type "application/grpc-web"',
    ],
    ['Echo', { 'content-type': undefined }, 415, 3, 'invalid gRPC request content-type ""'],
    [
      'Echo',
      { ':method': 'PUT' },
      405,
      13,
      'Received a HEADERS frame with :method "PUT" which should be POST',
    ],
    ['Echo', { ':authority': undefined }, 400, 13, 'no host or :authority header present'],
    [
      'Echo',
      { 'grpc-timeout': '1x' },
      400,
      13,
      'malformed grpc-timeout: transport: timeout unit is not recognized: "1x"',
    ],
    [
      '/a/b',
      { 'a-bin': '*' },
      400,
      13,
      'malformed binary metadata "*" in header "a-bin": illegal base64 data at input byte 0',
    ],
    [
      'Echo',
      { 'grpc-encoding': 'snappy' },
      200,
      12,
      'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    ],
    ['/a/b', { 'grpc-encoding': 'snappy' }, 200, 12, 'unknown service a'],
    ['Echo', { 'grpc-timeout': '1n' }, 200, 4, 'context deadline exceeded'],
  ])('%s with %j', (path, headers, httpStatus, code, message) => {
    const stream = new CallsServer().open(path, headers);
    stream.receive(framed('abc'), true);
    expect(stream.sent).toHaveLength(1);
    expect(stream.sent[0]).toMatchObject({
      ':status': String(httpStatus),
      'content-type': 'application/grpc',
    });
    expect(stream.status).toEqual({ code, message });
    expect(stream.body).toHaveLength(0);
  });

  test.each([
    ['application/grpc', 'application/grpc'],
    ['application/grpc+proto', 'application/grpc+proto'],
    ['application/grpc+', 'application/grpc'],
    ['application/grpc;charset=utf-8', 'application/grpc'],
    ['application/grpc+proto ; charset=utf-8', 'application/grpc+proto'],
    [`application/grpc+${'x'.repeat(100)}`, 'application/grpc'],
  ])('%s is one, and answered with its like', (contentType, answered) => {
    const stream = new CallsServer().ask('Echo', framed('abc'), { 'content-type': contentType });
    expect(stream.sent[0]?.['content-type']).toBe(answered);
    expect(stream.body).toEqual(framed('abc'));
    const refused = new CallsServer().ask('Other', framed('abc'), { 'content-type': contentType });
    expect(refused.sent[0]?.['content-type']).toBe(answered);
  });

  test('are refused by their headers, every byte of which is seen', () => {
    const refuse = (header: (name: string) => string | undefined) =>
      header('x-bad') === '\xff' ? { code: 3, message: 'bad header' } : undefined;
    const server = new CallsServer({}, { refuse });
    expect(server.ask('Echo', framed('abc'), { 'x-bad': '\xff' }).status).toEqual({
      code: 3,
      message: 'bad header',
    });
    expect(server.ask('Echo', framed('abc'), { 'x-bad': '\xfe' }).status).toEqual(ok);
    expect(server.ask('Other', framed('abc'), { 'x-bad': '\xff' }).status?.code).toBe(12);
  });

  test('are not confused when heads are shared', () => {
    const server = new CallsServer();
    const head = grpcHead('/test.Echo/Echo');
    for (const text of ['a', 'b']) {
      const stream = new FakeStream(head);
      server.calls.request(stream);
      stream.receive(framed(text), true);
      expect(stream.body).toEqual(framed(text));
    }
  });
});

describe('metadata', () => {
  test('reaches handlers: text, bytes, nothing', () => {
    const seen: unknown[] = [];
    const server = new CallsServer({
      See: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          seen.push(call.metadata('token'), call.metadata('a-bin'), call.metadata('other'));
          seen.push(call.path, call.peer, call.deadlineMs);
          reply(undefined);
        },
      },
    });
    server.ask('See', framed(''), { token: 'abc', 'a-bin': 'AQL/' });
    expect(seen).toEqual(['abc', '\x01\x02\xff', undefined, '/test.Echo/See', '127.0.0.1:1', Infinity]);
  });
});

describe('deadlines', () => {
  const waiting = (cancelled: string[]): Record<string, Method> => ({
    Wait: {
      kind: 'unary',
      handle: (_request, call, reply) => {
        expect(call.deadlineMs - Date.now()).toBeGreaterThan(50);
        call.onCancel((code) => cancelled.push(`unary ${code}`));
        call.onCancel(() => {
          cancelled.push('again');
          reply(undefined);
        });
      },
    },
    Hold: {
      kind: 'bidi',
      handle: (stream) => {
        stream.onCancel((code) => cancelled.push(`bidi ${code}`));
        stream.onMessage((message) => void stream.send([message]));
      },
    },
  });

  test('end calls, tell their handlers, and are forgotten by calls that end before', async () => {
    const cancelled: string[] = [];
    const server = new CallsServer(waiting(cancelled));
    const unary = server.ask('Wait', framed(''), { 'grpc-timeout': '100m' });
    const silent = server.open('Hold', { 'grpc-timeout': '100m' });
    const talking = server.open('Hold', { 'grpc-timeout': '100m' });
    talking.receive(framed('a'), false);
    server.ask('Echo', framed(''), { 'grpc-timeout': '100m' });
    expect(server.deadlines.count).toBe(3);
    await server.time.advance(99);
    expect(unary.status).toBeUndefined();
    await server.time.advance(10);
    expect(cancelled.sort()).toEqual(['again', 'bidi 4', 'bidi 4', 'unary 4']);
    const exceeded = { code: 4, message: 'context deadline exceeded' };
    for (const stream of [unary, silent, talking]) expect(stream.status).toEqual(exceeded);
    expect([unary, silent, talking].map((stream) => stream.sent.length)).toEqual([1, 1, 2]);
    expect(server.deadlines.count).toBe(0);
  });

  test('reset the call of a client that takes nothing', async () => {
    const server = new CallsServer(waiting([]));
    const stream = server.open('Hold', { 'grpc-timeout': '100m' });
    stream.takesMore = false;
    stream.receive(framed('a'), false);
    await server.time.advance(110);
    expect(stream.resetCode).toBe(8);
  });
});

describe('requests that do not come', () => {
  test('whole in time end; those that did, and streams of messages, go on', async () => {
    const server = new CallsServer({ Wait: { kind: 'unary', handle: () => undefined } });
    const started = server.ask('Wait', framed('abc'), {}, false);
    const long = server.open('Bidi');
    const late = [
      server.open('Echo'),
      server.ask('Echo', framed('abc').subarray(0, 6), {}, false),
      server.ask('Twice', framed('abc'), {}, false),
    ];
    const answered = server.ask('Echo', framed('abc').subarray(0, 6), {}, false);
    await server.time.advance(59_000);
    answered.receive(framed('abc').subarray(6), true);
    expect(answered.status).toEqual(ok);
    for (const stream of late) expect(stream.status).toBeUndefined();
    await server.time.advance(62_000);
    for (const stream of late) {
      expect(stream.status).toEqual({ code: 4, message: 'the request did not arrive in time' });
    }
    await server.time.advance(300_000);
    expect([started.status, long.status]).toEqual([undefined, undefined]);
    // It begins anew after there was nothing to wait for.
    const another = server.open('Echo');
    await server.time.advance(130_000);
    expect(another.status?.code).toBe(4);
  });
});

describe('cancelled calls', () => {
  test('tell their handlers once; the answered do not', () => {
    const cancelled: string[] = [];
    const replies: (() => void)[] = [];
    const server = new CallsServer({
      Wait: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          call.onCancel((code) => cancelled.push(`wait ${call.ended} ${code}`));
          replies.push(() => reply(undefined, Buffer.from('late')));
        },
      },
      Now: {
        kind: 'unary',
        handle: (_request, call, reply) => {
          call.onCancel(() => cancelled.push('now'));
          reply(undefined);
        },
      },
    });
    const wait = server.ask('Wait', framed(''));
    const now = server.ask('Now', framed(''));
    for (const stream of [wait, now]) {
      stream.receiver.cancelled(8);
      stream.receiver.cancelled(8);
    }
    expect(cancelled).toEqual(['wait true 1']);
    replies[0]!();
    expect(wait.sent).toEqual([]);
  });

  test('tell those who ask too late', async () => {
    let late: (() => void) | undefined;
    let told = false;
    const server = new CallsServer({
      Wait: { kind: 'unary', handle: (_request, call) => (late = () => call.onCancel(() => (told = true))) },
    });
    server.ask('Wait', framed('')).receiver.cancelled(8);
    late?.();
    await Promise.resolve();
    expect(told).toBe(true);
  });

  test('survive listeners that throw', () => {
    const server = new CallsServer({
      Wait: {
        kind: 'unary',
        handle: (_request, call) => {
          call.onCancel(() => {
            throw new Error('a bug');
          });
          call.onCancel(() => server.faults.push('second'));
        },
      },
    });
    server.ask('Wait', framed('')).receiver.cancelled(8);
    expect(server.faults).toEqual([new Error('a bug'), 'second']);
  });
});

describe('server streams', () => {
  test('begin when the request has ended', () => {
    const stream = new CallsServer().ask('Twice', framed('abc'), {}, false);
    expect(stream.sent).toEqual([]);
    stream.receive(Buffer.alloc(0), true);
    expect(stream.status).toEqual(ok);
    expect(stream.body).toEqual(Buffer.concat([framed('abc'), framed('abc')]));
  });

  test.each([
    [
      'no message',
      Buffer.alloc(0),
      'cardinality violation: received no request message from non-client-streaming RPC',
    ],
    [
      'two messages',
      Buffer.concat([framed('a'), framed('b')]),
      'cardinality violation: received multiple request messages for non-client-streaming RPC',
    ],
    ['half a message', Buffer.from([0, 0, 0, 0, 9, 1]), 'unexpected EOF'],
    ['one and a half', Buffer.concat([framed('a'), Buffer.from([0, 0, 0, 0, 9, 1])]), 'unexpected EOF'],
  ])('of %s fail', (_name, body, message) => {
    expect(new CallsServer().ask('Twice', body).status).toEqual({ code: 13, message });
  });
});

describe('bidirectional streams', () => {
  test('give each message in order, then the end', () => {
    const stream = new CallsServer().ask('Bidi', Buffer.concat([framed('a'), framed('b')]));
    expect(stream.sent.map((each) => each['grpc-status'])).toEqual([undefined, '0']);
    expect(stream.messages().map(({ bytes }) => String(bytes))).toEqual(['[a]', '[b]', '.']);
  });

  test('end without a message, with a cut one, with a bad one', () => {
    expect(new CallsServer().open('Bidi', {}, true).messages()).toHaveLength(1);
    expect(new CallsServer().ask('Bidi', Buffer.from([0, 0, 0, 0, 9, 1])).status).toEqual({
      code: 13,
      message: 'unexpected EOF',
    });
    const bad = new CallsServer().ask(
      'Bidi',
      Buffer.concat([framed('a'), framed('b', 2), framed('c')]),
      {},
      false,
    );
    expect(bad.status).toEqual({ code: 13, message: 'grpc: received unexpected payload format 2' });
    expect(bad.messages()).toHaveLength(1);
  });

  test('promise 9: a message that the handler chokes on ends its call only', () => {
    const server = new CallsServer({
      Choke: {
        kind: 'bidi',
        handle: (stream) => {
          stream.onMessage(() => {
            throw new Error('a bug');
          });
          stream.onCancel(() => server.faults.push('cancelled'));
        },
      },
    });
    const stream = server.ask('Choke', Buffer.concat([framed('a'), framed('b')]), {}, false);
    expect(stream.status).toEqual({ code: 13, message: 'internal error' });
    expect(server.faults).toEqual(['cancelled', new Error('a bug')]);
  });

  test('promise 8: a pause takes no more messages and lets the client send no more than its window', () => {
    let stream: BidiStream | undefined;
    const got: string[] = [];
    const server = new CallsServer({
      Slow: {
        kind: 'bidi',
        handle: (opened) => {
          stream = opened;
          opened.onMessage((message) => {
            got.push(String(message));
            opened.pause();
          });
          opened.onHalfClose(() => opened.end());
        },
      },
    });
    const http2 = server.open('Slow');
    http2.receive(Buffer.concat([framed('a'), framed('b'), framed('c'), framed('d').subarray(0, 3)]), false);
    expect(got).toEqual(['a']);
    expect(http2.consumedBytes).toBe(6);
    http2.receive(framed('d').subarray(3), true);
    expect(http2.consumedBytes).toBe(6);
    stream?.resume();
    expect(got).toEqual(['a', 'b']);
    expect(http2.consumedBytes).toBe(12);
    stream?.resume();
    stream?.resume();
    expect(got).toEqual(['a', 'b', 'c', 'd']);
    expect(http2.status).toBeUndefined();
    stream?.resume();
    expect(http2.status).toEqual(ok);
    expect(http2.consumedBytes).toBe(24);
  });

  test('promise 8: nothing is asked for from the start, when the handler says so', () => {
    let stream: BidiStream | undefined;
    const got: string[] = [];
    const handle = (opened: BidiStream): void => {
      stream = opened;
      opened.onMessage((message) => got.push(String(message)));
      opened.pause();
    };
    const http2 = new CallsServer({ Slow: { kind: 'bidi', handle } }).open('Slow');
    http2.receive(framed('abc'), false, 1);
    expect([got, http2.consumedBytes]).toEqual([[], 0]);
    stream?.resume();
    expect([got, http2.consumedBytes]).toEqual([['abc'], 8]);
  });

  test('promise 7: a megabyte in frames of one byte is read in no time', () => {
    const message = Buffer.alloc(1_000_000, 'x');
    const stream = new CallsServer({}, { receiveBytesMax: 1_000_000 }).open('Bidi');
    stream.receive(framed(message), true, 1);
    expect(stream.messages()[0]?.bytes).toHaveLength(message.length + 2);
    expect(stream.consumedBytes).toBe(message.length + 5);
  });

  test('promise 8: send says false when the client is behind, and drain says when to go on', () => {
    const events: unknown[] = [];
    const server = new CallsServer({
      Send: {
        kind: 'bidi',
        handle: (stream) => {
          stream.onDrain(() => events.push('drained', stream.send([])));
          stream.onMessage(() => events.push(stream.send([]), stream.send([])));
        },
      },
    });
    const stream = server.open('Send');
    stream.receive(framed(''), false);
    stream.takesMore = false;
    stream.receive(framed(''), false);
    stream.takesMore = true;
    stream.receiver.drained();
    expect(events).toEqual([true, true, false, false, 'drained', true]);
  });

  test('are the same however they are cut into frames', () => {
    // As texts: a comparison of buffers byte by byte takes longer than all else.
    const textsOf = (stream: FakeStream): string[] =>
      stream.messages().map(({ flag, bytes }) => `${flag} ${bytes.toString('latin1')}`);
    const server = new CallsServer({}, { receiveBytesMax: 5000 });
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { maxLength: 8 }), fc.nat(40), fc.nat(3), (lengths, cut, frame) => {
        const messages = lengths.map((length, i) => Buffer.alloc(length, String(i)));
        const whole = Buffer.concat(messages.map((message) => framed(message)));
        const body = whole.subarray(0, Math.max(0, whole.length - (cut < 20 ? cut : 0)));
        const one = server.ask('Bidi', body);
        const many = server.open('Bidi');
        many.receive(body, true, [1, 3, 700, 4096][frame]);
        expect(textsOf(many)).toEqual(textsOf(one));
        expect(many.status).toEqual(one.status);
        expect(many.consumedBytes).toBe(body.length);
        if (body.length === whole.length) expect(one.messages()).toHaveLength(messages.length + 1);
      }),
      { numRuns: 100 },
    );
  });
});

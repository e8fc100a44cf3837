/**
 * Goal: the rules of RFC 9113 about frames and streams, one by one. Method: bytes to a connection in memory, in one chunk
 * and cut at every place; what it answers, in words. Every request is echoed when it is complete.
 */
import { describe, expect, test } from 'vitest';
import {
  data,
  Flag,
  frame,
  get,
  post,
  PREFACE,
  request,
  resetStream,
  settings,
  FrameType,
  uint32,
  windowUpdate,
} from '../../../test/support/frames.ts';
import { echo, exchange, Wire, type WireOptions } from '../../../test/support/http2/wire.ts';
import { encodeHeaders } from '../hpack/index.ts';

const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
const bytes = (...values: number[]): Buffer => Buffer.from(values);
const getBlock = encodeHeaders(get);
const postBlock = encodeHeaders(post);
const { endStream, endHeaders, padded, priority } = Flag;
const goAway = (code: number, text: string, lastId = 0): string => `goAway ${lastId} code ${code} ${text}`;
const answer = (id: number, body = ''): string[] =>
  body === '' ? [`headers ${id} end`] : [`headers ${id}`, `data ${id} end ${body.length}`];

describe('the start', () => {
  const start = (first: Buffer): string[] => exchange(first, { isFresh: true });
  const greeting = ['settings', 'windowUpdate 0 983041'];

  test('3.4: the server sends SETTINGS first, and acknowledges those of the client', () => {
    expect(start(join(PREFACE, settings()))).toEqual([...greeting, 'settings ack']);
  });
  test('3.4: a wrong preface ends the connection', () => {
    expect(start(Buffer.from('PRI * HTTP/2.0\r\n\r\nXM'))).toEqual([
      ...greeting,
      goAway(1, 'invalid connection preface'),
    ]);
  });
  test('3.4: the preface ends with SETTINGS', () => {
    expect(start(join(PREFACE, frame(FrameType.ping, 0, 0, Buffer.alloc(8))))).toEqual([
      ...greeting,
      goAway(1, 'no SETTINGS first'),
    ]);
    expect(start(join(PREFACE, frame(FrameType.settings, Flag.ack, 0)))).toEqual([
      ...greeting,
      goAway(1, 'no SETTINGS first'),
    ]);
  });
  test('bytes that somebody else has read come first', () => {
    const wire = new Wire({ isFresh: true, onComplete: echo, first: join(PREFACE, settings(), request(1)) });
    wire.settle();
    expect(wire.said()).toEqual([...greeting, 'settings ack', ...answer(1)]);
    expect(wire.socket.writes).toHaveLength(1);
  });
});

describe('requests', () => {
  test.each<[string, Buffer, string[]]>([
    ['a request without a body', request(1), answer(1)],
    ['a request with a body', join(request(1, post, false), data(1, 'abc', true)), answer(1, 'abc')],
    [
      '8.1: a body in pieces, ended by an empty frame',
      join(request(1, post, false), data(1, 'ab'), data(1, 'c'), data(1, '', true)),
      answer(1, 'abc'),
    ],
    [
      '8.1: trailers',
      join(
        request(1, post, false),
        data(1, 'abc'),
        frame(FrameType.headers, endStream | endHeaders, 1, encodeHeaders([['x-a', 'b']])),
      ),
      answer(1, 'abc'),
    ],
    [
      '6.1: padding of DATA is left out',
      join(
        request(1, post, false),
        frame(FrameType.data, padded | endStream, 1, Buffer.from('\x03abc\0\0\0')),
      ),
      answer(1, 'abc'),
    ],
    [
      '6.2: padding and priority of HEADERS are left out',
      frame(
        FrameType.headers,
        padded | priority | endHeaders | endStream,
        1,
        join(bytes(2, 0x80, 0, 0, 0, 7), getBlock, bytes(0, 0)),
      ),
      answer(1),
    ],
    [
      '6.10: a header block in pieces, empty ones too',
      join(
        frame(FrameType.headers, endStream, 1, getBlock.subarray(0, 1)),
        frame(FrameType.continuation, 0, 1),
        frame(FrameType.continuation, 0, 1, getBlock.subarray(1, 3)),
        frame(FrameType.continuation, endHeaders, 1, getBlock.subarray(3)),
      ),
      answer(1),
    ],
    [
      '5: streams in between each other',
      join(
        request(1, post, false),
        request(3, post, false),
        data(1, 'a'),
        data(3, 'bb', true),
        data(1, 'a', true),
      ),
      [...answer(3, 'bb'), ...answer(1, 'aa')],
    ],
    ['5.1.1: ids may leave some out', join(request(3), request(9)), [...answer(3), ...answer(9)]],
    [
      '4.1: the reserved bit of the id is ignored',
      frame(FrameType.headers, 5, 0x8000_0001, getBlock),
      answer(1),
    ],
    [
      '4.1: unknown flags are ignored',
      frame(FrameType.headers, 0x50 | endStream | endHeaders, 1, getBlock),
      answer(1),
    ],
    ['5.5: frames of unknown types are ignored', join(frame(0x16, 0xff, 0, bytes(1)), request(1)), answer(1)],
    [
      '6.5.2: unknown settings are ignored',
      join(settings([0x99, 7]), request(1)),
      ['settings ack', ...answer(1)],
    ],
    [
      '6.7: a ping is answered with its content',
      frame(FrameType.ping, 0, 0, Buffer.from('12345678')),
      ['ping ack'],
    ],
    [
      '6.7: the answer to a ping that nobody sent is ignored',
      frame(FrameType.ping, 1, 0, Buffer.alloc(8)),
      [],
    ],
    [
      '6.8: GOAWAY does not end what is open',
      join(frame(FrameType.goAway, 0, 0, uint32(0, 0)), request(1)),
      answer(1),
    ],
    [
      '6.3: priorities are ignored, on idle streams too',
      join(frame(FrameType.priority, 0, 5, bytes(0, 0, 0, 3, 9)), request(1)),
      answer(1),
    ],
  ])('%s', (_name, sent, said) => {
    expect(exchange(sent)).toEqual(said);
  });

  test('6.7: the content of a ping comes back as it was', () => {
    const wire = new Wire();
    wire.send(frame(FrameType.ping, 0, 0, Buffer.from('abcdefgh')));
    expect(String(wire.frames()[0]?.payload)).toBe('abcdefgh');
  });
});

describe('what ends the connection', () => {
  const open = request(1, post, false);
  const over = request(1);
  test.each<[string, Buffer, string]>([
    [
      '4.2: a frame above the maximal size',
      frame(FrameType.data, 0, 1, Buffer.alloc(16_385)).subarray(0, 20),
      goAway(6, 'frame too large'),
    ],
    ['6.1: DATA on stream 0', data(0, 'a'), goAway(1, 'DATA on an idle stream')],
    ['5.1: DATA on an idle stream', data(1, 'a'), goAway(1, 'DATA on an idle stream')],
    [
      '5.1: DATA on a stream of even number',
      join(request(5, post, false), data(4, 'a')),
      goAway(1, 'DATA on an idle stream', 5),
    ],
    [
      '5.1: DATA on a stream that both have ended',
      join(over, data(1, 'a')),
      goAway(5, 'DATA on a closed stream', 1),
    ],
    [
      '5.1: DATA after RST_STREAM',
      join(open, resetStream(1), data(1, 'a')),
      goAway(5, 'DATA on a closed stream', 1),
    ],
    [
      '6.1: padding longer than DATA',
      join(open, frame(FrameType.data, padded, 1, bytes(2, 0))),
      goAway(1, 'padding longer than DATA', 1),
    ],
    [
      '6.1: DATA that says it is padded and is not',
      join(open, frame(FrameType.data, padded, 1)),
      goAway(6, 'DATA without pad length', 1),
    ],
    ['6.2: HEADERS on stream 0', request(0), goAway(1, "HEADERS on a stream that is not the client's")],
    [
      '5.1.1: HEADERS on a stream of even number',
      request(2),
      goAway(1, "HEADERS on a stream that is not the client's"),
    ],
    [
      '5.1.1: a new stream below the last one',
      join(request(5), request(3)),
      goAway(1, 'stream id lower than the last one', 5),
    ],
    [
      '5.1: HEADERS on a stream that both have ended',
      join(over, request(1)),
      goAway(5, 'HEADERS on a closed stream', 1),
    ],
    [
      '6.2: padding longer than HEADERS',
      frame(FrameType.headers, padded | endHeaders, 1, join(bytes(99), getBlock)),
      goAway(1, 'padding longer than HEADERS'),
    ],
    [
      '6.2: HEADERS that say they are padded and are not',
      frame(FrameType.headers, padded | endHeaders, 1),
      goAway(6, 'HEADERS without pad length'),
    ],
    [
      '6.2: HEADERS too short for their priority',
      frame(FrameType.headers, priority | endHeaders, 1, bytes(0, 0, 0, 0)),
      goAway(6, 'HEADERS too short for priority'),
    ],
    [
      '6.3: PRIORITY on stream 0',
      frame(FrameType.priority, 0, 0, Buffer.alloc(5)),
      goAway(1, 'PRIORITY without a stream'),
    ],
    [
      '6.3: PRIORITY of a wrong size on an idle stream',
      frame(FrameType.priority, 0, 1, Buffer.alloc(4)),
      goAway(6, 'bad PRIORITY'),
    ],
    [
      '5.3.1: PRIORITY that makes an idle stream depend on itself',
      frame(FrameType.priority, 0, 1, bytes(0, 0, 0, 1, 0)),
      goAway(1, 'bad PRIORITY'),
    ],
    ['6.4: RST_STREAM on stream 0', resetStream(0), goAway(1, 'RST_STREAM on an idle stream')],
    ['6.4: RST_STREAM on an idle stream', resetStream(1), goAway(1, 'RST_STREAM on an idle stream')],
    [
      '6.4: RST_STREAM of a wrong size',
      join(open, frame(FrameType.reset, 0, 1, bytes(0))),
      goAway(6, 'RST_STREAM of a wrong size', 1),
    ],
    ['6.5: SETTINGS on a stream', frame(FrameType.settings, 0, 1), goAway(1, 'SETTINGS on a stream')],
    [
      '6.5: SETTINGS of a wrong size',
      frame(FrameType.settings, 0, 0, bytes(1, 2, 3)),
      goAway(6, 'SETTINGS of a wrong size'),
    ],
    [
      '6.5: an acknowledgement with content',
      frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(6)),
      goAway(6, 'SETTINGS acknowledgement with content'),
    ],
    [
      '6.5.2: SETTINGS_ENABLE_PUSH other than 0 and 1',
      settings([2, 2]),
      goAway(1, 'bad SETTINGS_ENABLE_PUSH'),
    ],
    [
      '6.5.2: SETTINGS_INITIAL_WINDOW_SIZE too large',
      settings([4, 0x8000_0000]),
      goAway(3, 'bad SETTINGS_INITIAL_WINDOW_SIZE'),
    ],
    [
      '6.5.2: SETTINGS_MAX_FRAME_SIZE too small',
      settings([5, 16_383]),
      goAway(1, 'bad SETTINGS_MAX_FRAME_SIZE'),
    ],
    [
      '6.5.2: SETTINGS_MAX_FRAME_SIZE too large',
      settings([5, 16_777_216]),
      goAway(1, 'bad SETTINGS_MAX_FRAME_SIZE'),
    ],
    [
      '6.6, 8.4: PUSH_PROMISE from a client',
      frame(FrameType.pushPromise, endHeaders, 1, join(uint32(2), getBlock)),
      goAway(1, 'PUSH_PROMISE from a client'),
    ],
    ['6.7: PING on a stream', frame(FrameType.ping, 0, 1, Buffer.alloc(8)), goAway(1, 'PING on a stream')],
    [
      '6.7: PING of a wrong size',
      frame(FrameType.ping, 0, 0, Buffer.alloc(7)),
      goAway(6, 'PING of a wrong size'),
    ],
    [
      '6.8: GOAWAY on a stream',
      frame(FrameType.goAway, 0, 1, Buffer.alloc(8)),
      goAway(1, 'GOAWAY on a stream'),
    ],
    [
      '6.8: GOAWAY of a wrong size',
      frame(FrameType.goAway, 0, 0, Buffer.alloc(7)),
      goAway(6, 'GOAWAY of a wrong size'),
    ],
    [
      '6.9: WINDOW_UPDATE of a wrong size',
      frame(FrameType.windowUpdate, 0, 0, bytes(1)),
      goAway(6, 'WINDOW_UPDATE of a wrong size'),
    ],
    ['6.9: WINDOW_UPDATE of nothing', windowUpdate(0, 0), goAway(1, 'WINDOW_UPDATE of nothing')],
    [
      '6.9: WINDOW_UPDATE on an idle stream',
      windowUpdate(1, 1),
      goAway(1, 'WINDOW_UPDATE on an idle stream'),
    ],
    [
      '6.9.1: a window of the connection above 2^31-1',
      windowUpdate(0, 0x7fff_ffff),
      goAway(3, 'window too large'),
    ],
    [
      '6.10: CONTINUATION without HEADERS',
      frame(FrameType.continuation, endHeaders, 1, getBlock),
      goAway(1, 'unexpected CONTINUATION'),
    ],
    [
      '6.10: CONTINUATION after the end of the block',
      join(open, frame(FrameType.continuation, endHeaders, 1, getBlock)),
      goAway(1, 'unexpected CONTINUATION', 1),
    ],
    [
      '6.10: CONTINUATION of another stream',
      join(frame(FrameType.headers, 0, 1, getBlock), frame(FrameType.continuation, endHeaders, 3, getBlock)),
      goAway(1, 'unexpected CONTINUATION'),
    ],
    [
      '4.3: a frame between HEADERS and CONTINUATION',
      join(frame(FrameType.headers, 0, 1, getBlock), frame(FrameType.ping, 0, 0, Buffer.alloc(8))),
      goAway(1, 'header block interrupted'),
    ],
    [
      '4.3: a header block that cannot be decoded',
      frame(FrameType.headers, endHeaders, 1, bytes(0xff, 0xff, 0xff)),
      goAway(9, 'bad header block'),
    ],
    [
      '4.3: trailers that cannot be decoded',
      join(open, frame(FrameType.headers, endHeaders | endStream, 1, bytes(0x80))),
      goAway(9, 'bad header block', 1),
    ],
  ])('%s', (_name, sent, said) => {
    const frames = exchange(sent);
    expect(frames.at(-1)).toBe(said);
  });

  test('6.9.2: a change of the initial window that makes one overflow', () => {
    const wire = new Wire();
    wire.send(request(1, post, false), windowUpdate(1, 0x7fff_ffff - 65_535), settings([4, 65_536]));
    expect(wire.said()).toEqual([goAway(3, 'window too large', 1)]);
  });

  test('5.4.1: nothing that follows is served, open streams are cancelled, the socket is ended', () => {
    const wire = new Wire();
    wire.send(request(1, post, false), windowUpdate(0, 0), request(3));
    wire.send(request(5));
    expect(wire.served.map(({ cancelCode }) => cancelCode)).toEqual([8]);
    expect(wire.said()).toEqual([goAway(1, 'WINDOW_UPDATE of nothing', 1)]);
    expect(wire.socket.writableEnded).toBe(true);
    expect(wire.violations).toEqual(['WINDOW_UPDATE of nothing']);
    expect(wire.connection.streams).toBe(0);
  });
});

describe('what ends one stream only', () => {
  const open = request(1, post, false);
  const malformed = (extra: [string, string]): Buffer => request(1, [...get, extra]);
  test.each<[string, Buffer, number]>([
    ['5.1: DATA after END_STREAM', join(request(1, get, true), data(1, 'a')), 5],
    ['5.1: HEADERS after END_STREAM', join(request(1, get, true), request(1, [['x', 'y']])), 5],
    [
      '5.3.1: HEADERS that make a stream depend on itself',
      frame(FrameType.headers, priority | endHeaders | endStream, 1, join(bytes(0, 0, 0, 1, 0), getBlock)),
      1,
    ],
    [
      '5.3.1: PRIORITY that makes a stream depend on itself',
      join(open, frame(FrameType.priority, 0, 1, bytes(0x80, 0, 0, 1, 0))),
      1,
    ],
    ['6.3: PRIORITY of a wrong size', join(open, frame(FrameType.priority, 0, 1, Buffer.alloc(6))), 6],
    ['6.9: WINDOW_UPDATE of nothing', join(open, windowUpdate(1, 0)), 1],
    ['6.9.1: a window above 2^31-1', join(open, windowUpdate(1, 0x7fff_ffff)), 3],
    ['8.1: trailers that do not end the stream', join(open, request(1, [['x', 'y']], false)), 1],
    ['8.1: trailers with a pseudo-header', join(open, request(1, [[':path', '/']])), 1],
    ['8.2: trailers with a bad name', join(open, request(1, [['X', 'y']])), 1],
    ['8.2.1: a name in upper case', malformed(['X-A', 'b']), 1],
    ['8.3: an unknown pseudo-header', request(1, [...get, [':a', 'b']]), 1],
    ['8.1.1: less than content-length', request(1, [...post, ['content-length', '1']]), 1],
    [
      '8.1.1: less than content-length in DATA',
      join(request(1, [...post, ['content-length', '3']], false), data(1, 'ab', true)),
      1,
    ],
    [
      '8.1.1: more than content-length',
      join(request(1, [...post, ['content-length', '3']], false), data(1, 'abcd')),
      1,
    ],
    [
      '8.1.1: less than content-length, and trailers',
      join(request(1, [...post, ['content-length', '3']], false), data(1, 'ab'), request(1, [['x', 'y']])),
      1,
    ],
  ])('%s', (_name, sent, code) => {
    // Nothing is answered, so that a request that is complete stays open.
    const said = exchange(join(sent, request(7)), {
      onComplete: (served) => served.stream.id === 7 && echo(served),
    });
    expect(said).toEqual([`reset 1 code ${code}`, ...answer(7)]);
  });

  test('8.1.1: content-length that is right', () => {
    const sent = join(
      request(1, [...post, ['content-length', '3']], false),
      data(1, 'ab'),
      data(1, 'c', true),
    );
    expect(exchange(sent)).toEqual(answer(1, 'abc'));
  });

  test('5.1.2: streams above the limit are refused, and the table of headers stays right', () => {
    const options: WireOptions = { limits: { streamsMax: 1 }, onComplete: () => undefined };
    // The second block adds a field to the table, the third one refers to it.
    const adding = frame(FrameType.headers, 5, 3, join(getBlock, bytes(0x40, 1, 0x61, 1, 0x62)));
    const using = frame(FrameType.headers, 5, 5, join(postBlock, bytes(0xbe)));
    expect(exchange(join(request(1), adding, using), options)).toEqual(['reset 3 code 7', 'reset 5 code 7']);
  });

  test('a receiver is told of an error of its stream, once', () => {
    const wire = new Wire();
    wire.send(request(1, post, false), data(1, 'abc'), windowUpdate(1, 0), data(1, 'd'), resetStream(1));
    expect(wire.served).toMatchObject([{ body: 'abc', cancelCode: 1 }]);
    expect(wire.said()).toEqual(['reset 1 code 1']);
  });
});

describe('what comes late', () => {
  test('5.1: after a reset of ours everything is ignored, and the table of headers stays right', () => {
    const onRequest: WireOptions['onRequest'] = ({ stream }) => stream.id === 1 && stream.reset(8);
    const sent = join(
      request(1, post, false),
      data(1, 'abc'),
      windowUpdate(1, 5),
      frame(FrameType.headers, 5, 1, bytes(0x40, 1, 0x61, 1, 0x62)),
      resetStream(1),
      frame(FrameType.headers, 5, 3, join(postBlock, bytes(0xbe))),
    );
    expect(exchange(sent, { onRequest })).toEqual(['reset 1 code 8', ...answer(3)]);
  });

  test('8.1: an answer before the end of the request asks the client to stop, and ignores the rest', () => {
    const said = exchange(join(request(1, post, false), data(1, 'abc'), data(1, '', true)), {
      onRequest: echo,
    });
    expect(said).toEqual(['headers 1 end', 'reset 1 code 0']);
  });

  test('5.1: WINDOW_UPDATE and RST_STREAM on an ended stream are ignored', () => {
    expect(exchange(join(request(1), windowUpdate(1, 5), resetStream(1)))).toEqual(answer(1));
  });

  test('5.1: DATA on a stream that is forgotten', () => {
    const sent: Buffer[] = [];
    for (let id = 1; id < 200; id += 2) sent.push(request(id));
    const wire = new Wire({ onComplete: echo });
    wire.send(...sent, data(1, 'abc'));
    expect(wire.said().at(-1)).toBe('reset 1 code 5');
  });
});

describe('a reset by the client', () => {
  test('is told with its code, and ends the answer', () => {
    const wire = new Wire();
    wire.send(request(1), resetStream(1, 5));
    const [served] = wire.served;
    expect(served?.cancelCode).toBe(5);
    if (served !== undefined) echo(served);
    wire.settle();
    expect(wire.said()).toEqual([]);
    expect(wire.connection.streams).toBe(0);
  });
});

describe('faults', () => {
  test('promise 9: a handler that throws loses its stream only', () => {
    const wire = new Wire({
      onRequest: ({ stream }) => {
        if (stream.id === 1) throw new Error('bug');
      },
      onComplete: echo,
    });
    wire.send(request(1), request(3));
    expect(wire.said()).toEqual(['reset 1 code 2', 'headers 3 end']);
    expect(wire.faults).toEqual([new Error('bug')]);
  });

  test('promise 9: so does a receiver', () => {
    const wire = new Wire({
      onComplete: (served) => {
        if (served.stream.id === 1) throw new Error('bug');
        echo(served);
      },
    });
    wire.send(request(1, post, false), data(1, 'a', true), request(3));
    expect(wire.said()).toEqual(['reset 1 code 2', 'headers 3 end']);
    expect(wire.served[0]?.cancelCode).toBe(2);
  });
});

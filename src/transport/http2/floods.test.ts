/** Goal: promise 7 for what a hostile client may do to a connection: each limit, and what is still allowed. */
import { describe, expect, test } from 'vitest';
import {
  data,
  Flag,
  frame,
  get,
  post,
  request,
  resetStream,
  settings,
  FrameType,
  windowUpdate,
} from '../../../test/support/frames.ts';
import { echo, none, okHead, okTrailers, Wire, type WireOptions } from '../../../test/support/http2/wire.ts';
import { encodeHeaders } from '../hpack/index.ts';
import { defaultHttp2Limits } from './limits.ts';

const { floods } = defaultHttp2Limits;
const calm = (text: string, lastId = 0): string => `goAway ${lastId} code 11 ${text}`;
const ping = frame(FrameType.ping, 0, 0, Buffer.from('12345678'));
const pong = frame(FrameType.ping, Flag.ack, 0, Buffer.alloc(8));

/** Sends `bytes` so many times, and says how the server took it. */
function repeat(wire: Wire, bytes: Buffer, count: number): string | undefined {
  for (let sent = 0; sent < count; sent += 1000) {
    wire.send(...Array<Buffer>(Math.min(1000, count - sent)).fill(bytes));
  }
  return wire.said().filter((said) => said.startsWith('goAway'))[0];
}

describe('frames that bring nothing forward', () => {
  const open = request(1, post, false);
  test.each<[string, Buffer, number, number, string]>([
    // The handshake takes one SETTINGS.
    [
      'SETTINGS (CVE-2019-9515)',
      settings(),
      floods.settings.burst - 1,
      floods.settings.perSecond,
      calm('too many SETTINGS'),
    ],
    ['answers to pings', pong, floods.pings.burst, floods.pings.perSecond, calm('too many PING')],
    [
      'PRIORITY',
      frame(FrameType.priority, 0, 1, Buffer.alloc(5)),
      floods.ignored.burst,
      floods.ignored.perSecond,
      calm('too many frames without effect'),
    ],
    [
      'unknown frames',
      frame(0x77, 0, 0),
      floods.ignored.burst,
      floods.ignored.perSecond,
      calm('too many frames without effect'),
    ],
    [
      'GOAWAY',
      frame(FrameType.goAway, 0, 0, Buffer.alloc(8)),
      floods.ignored.burst,
      floods.ignored.perSecond,
      calm('too many frames without effect'),
    ],
    [
      'WINDOW_UPDATE',
      windowUpdate(0, 1),
      floods.windowUpdates.burst,
      floods.windowUpdates.perSecond,
      calm('too many WINDOW_UPDATE'),
    ],
    [
      'empty DATA (CVE-2019-9518)',
      data(1, ''),
      floods.emptyData.burst,
      floods.emptyData.perSecond,
      calm('too many empty DATA', 1),
    ],
    [
      'DATA of padding only',
      frame(FrameType.data, Flag.padded, 1, Buffer.of(1, 0)),
      floods.emptyData.burst,
      floods.emptyData.perSecond,
      calm('too many empty DATA', 1),
    ],
  ])('%s', (_name, bytes, burst, perSecond, said) => {
    const wire = new Wire();
    if (said.includes('goAway 1')) wire.send(open);
    expect(repeat(wire, bytes, burst)).toBeUndefined();
    wire.seconds(2);
    expect(repeat(wire, bytes, 2 * perSecond)).toBeUndefined();
    expect(repeat(wire, bytes, 1)).toBe(said);
    expect(wire.violations).toHaveLength(1);
  });

  test('a DATA frame allows two WINDOW_UPDATEs', () => {
    const wire = new Wire({
      onComplete: ({ stream }) => stream.respond(okHead, none, Buffer.of(1), okTrailers),
    });
    repeat(wire, windowUpdate(0, 1), floods.windowUpdates.burst);
    wire.send(request(1));
    expect(repeat(wire, windowUpdate(0, 1), 2)).toBeUndefined();
    expect(repeat(wire, windowUpdate(0, 1), 1)).toBe(calm('too many WINDOW_UPDATE', 1));
  });
});

describe('streams that come to nothing', () => {
  /** Requests from `first` on, each followed by what `after` makes of its id. */
  const many = (wire: Wire, first: number, count: number, after: (id: number) => Buffer): string[] => {
    for (let at = 0; at < count; at++) wire.send(request(first + at * 2), after(first + at * 2));
    return wire.said().filter((said) => said.startsWith('goAway'));
  };

  test('rapid reset (CVE-2023-44487)', () => {
    const wire = new Wire();
    expect(many(wire, 1, floods.resets.burst, resetStream)).toEqual([]);
    expect(many(wire, 5001, 1, resetStream)).toEqual([calm('too many reset streams', 5001)]);
    expect(wire.served.every(({ cancelCode }) => cancelCode === 8)).toBe(true);
    expect(wire.connection.streams).toBe(0);
  });

  test('streams that the client makes the server reset (CVE-2025-8671)', () => {
    const windowUpdates = { burst: 10_000, perSecond: 1 };
    const wire = new Wire({ limits: { floods: { ...floods, windowUpdates } } });
    expect(many(wire, 1, floods.resets.burst, (id) => windowUpdate(id, 0))).toEqual([]);
    expect(many(wire, 5001, 1, (id) => windowUpdate(id, 0))).toEqual([calm('too many reset streams', 5001)]);
  });

  test('malformed requests', () => {
    const wire = new Wire();
    const malformed = (id: number): Buffer => request(id, [...get, ['X', 'y']]);
    for (let id = 1; id < floods.resets.burst * 2; id += 2) wire.send(malformed(id));
    expect(wire.said().every((said) => said.startsWith('reset'))).toBe(true);
    wire.send(malformed(5001));
    expect(wire.said()).toEqual([calm('too many reset streams', 5001)]);
  });

  test('a client that also gets answers may cancel more', () => {
    const wire = new Wire({ onComplete: (served) => served.stream.id % 4 === 1 && echo(served) });
    for (let id = 1; id < floods.resets.burst * 10; id += 4)
      wire.send(request(id), request(id + 2), resetStream(id + 2));
    expect(wire.said().filter((said) => !said.startsWith('headers'))).toEqual([]);
  });

  test('a burst may be followed by more as time passes', () => {
    const wire = new Wire();
    many(wire, 1, floods.resets.burst, resetStream);
    wire.seconds(1);
    expect(many(wire, 5001, floods.resets.perSecond, resetStream)).toEqual([]);
    expect(many(wire, 9001, 1, resetStream)).toHaveLength(1);
  });
});

describe('headers', () => {
  const start = (id: number, block: Uint8Array): Buffer =>
    frame(FrameType.headers, Flag.endStream, id, block);
  const more = (id: number, block: Uint8Array, flags = 0): Buffer =>
    frame(FrameType.continuation, flags, id, block);

  test('CONTINUATION without end (CVE-2024-27316)', () => {
    const wire = new Wire();
    wire.send(start(1, none));
    expect(repeat(wire, more(1, none), defaultHttp2Limits.continuationsMax)).toBeUndefined();
    expect(repeat(wire, more(1, none), 1)).toBe(calm('too many CONTINUATION'));
  });

  test('a block that is too large', () => {
    const wire = new Wire();
    const part = Buffer.alloc(16_384, 0x82);
    wire.send(start(1, part), more(1, part));
    expect(wire.said()).toEqual([]);
    wire.send(more(1, Buffer.of(0x82)));
    expect(wire.said()).toEqual([calm('header block too large')]);
  });

  test('a list that is too large is answered with 431, and the connection goes on', () => {
    const wire = new Wire({ onComplete: echo });
    // A field of 4,000 bytes, entered into the table and referred to ten times: a bomb of HPACK.
    const bomb = Buffer.concat([
      encodeHeaders(get),
      Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
      Buffer.alloc(4000, 0x62),
      Buffer.alloc(10, 0xbe),
    ]);
    wire.send(frame(FrameType.headers, Flag.endStream | Flag.endHeaders, 1, bomb), request(3));
    const frames = wire.frames();
    expect(frames.map(({ id, flags }) => [id, flags])).toEqual([
      [1, 5],
      [3, 5],
    ]);
    expect(
      frames[0]?.payload.equals(
        encodeHeaders([
          [':status', '431'],
          ['content-length', '0'],
        ]),
      ),
    ).toBe(true);
    expect(wire.served).toHaveLength(1);
  });

  test('promise 8: the headers of open requests are bounded together', () => {
    const wire = new Wire({ limits: { openHeaderBytesMax: 100_000 } });
    const long = (id: number): Buffer => request(id, [...get, ['a', 'b'.repeat(15_000)]]);
    for (let id = 1; id < 20; id += 2) wire.send(long(id));
    expect(wire.said()).toEqual([13, 15, 17, 19].map((id) => `reset ${id} code 7`));
    wire.send(resetStream(1), long(21), long(23));
    expect(wire.said()).toEqual(['reset 23 code 7']);
    wire.send(request(25));
    expect(wire.connection.streams).toBe(7);
  });

  test('headers that requests share are not counted', () => {
    const wire = new Wire({ limits: { openHeaderBytesMax: 1000 } });
    for (let id = 1; id < 200; id += 2) wire.send(request(id));
    expect(wire.connection.streams).toBe(100);
  });

  test('the rest of a request that was too large is ignored', () => {
    const wire = new Wire({ onComplete: echo });
    const long = request(1, [...post, ...Array<[string, string]>(20).fill(['a', 'b'.repeat(1000)])], false);
    wire.send(long.subarray(0, 9), long.subarray(9), data(1, 'abc', true), request(3));
    expect(wire.said()).toEqual(['headers 1 end', 'reset 1 code 0', 'headers 3 end']);
  });
});

describe('pings too often, by the rule of etcd', () => {
  const tooMany = (wire: Wire): boolean =>
    wire.said().includes(calm('too_many_pings', wire.connection.streams && 1));
  const options: WireOptions = {};

  test('every five seconds is fine while a stream is open', () => {
    const wire = new Wire(options);
    wire.send(request(1));
    for (let count = 0; count < 20; count++) {
      wire.nowMs += 5000;
      wire.send(ping);
    }
    expect(wire.said().every((said) => said === 'ping ack')).toBe(true);
  });

  test('four times in a row less than five seconds apart is not', () => {
    const wire = new Wire(options);
    wire.send(request(1));
    for (let count = 0; count < 3; count++) wire.send(ping);
    expect(wire.said()).toEqual(['ping ack', 'ping ack', 'ping ack']);
    wire.nowMs += 4999;
    wire.send(ping);
    expect(wire.said()).toEqual(['ping ack', calm('too_many_pings', 1)]);
  });

  test('without a stream every two hours is', () => {
    const wire = new Wire(options);
    wire.send(ping);
    for (let count = 0; count < 2; count++) {
      wire.nowMs += 3_600_000;
      wire.send(ping);
    }
    expect(tooMany(wire)).toBe(false);
    wire.nowMs += 3_600_000;
    wire.send(ping);
    expect(tooMany(wire)).toBe(true);
  });

  test('unless that is permitted', () => {
    const wire = new Wire({ limits: { pingWithoutStream: true } });
    for (let count = 0; count < 20; count++) {
      wire.nowMs += 5000;
      wire.send(ping);
    }
    expect(tooMany(wire)).toBe(false);
  });

  test('an answer in between starts anew', () => {
    const wire = new Wire({ onComplete: echo });
    for (let id = 1; id < 100; id += 2) wire.send(ping, ping, ping, request(id));
    expect(wire.said().filter((said) => said.startsWith('goAway'))).toEqual([]);
  });

  test('with an interval of 0 there is no rule', () => {
    const wire = new Wire({ limits: { pingIntervalMsMin: 0 } });
    expect(repeat(wire, ping, 1000)).toBeUndefined();
  });
});

test('promise 7: a client that resets what waits, with the window of the connection closed, leaves nothing behind', () => {
  const wire = new Wire({
    onComplete: ({ stream }) => stream.respond(okHead, none, Buffer.alloc(100_000), okTrailers),
  });
  for (let id = 1; id < 1000; id += 2) wire.send(request(id), resetStream(id));
  expect(wire.connection.streams).toBe(0);
  wire.send(windowUpdate(0, 1_000_000));
  wire.frames();
  wire.send(request(2001));
  expect(wire.said().at(-1)).toBe('data 2001 16383');
});

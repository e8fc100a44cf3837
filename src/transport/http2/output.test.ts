/** Goal: how answers leave: in one write for each turn, in small memory, fairly, and unharmed. */
import { describe, expect, test } from 'vitest';
import type { Http2Stream } from './handler.ts';
import {
  describeFrame,
  get,
  parseFrames,
  request,
  resetStream,
  settings,
  FrameType,
  windowUpdate,
  type Frame,
} from '../../../test/support/frames.ts';
import {
  encrypt,
  none,
  okHead,
  okTrailers,
  Wire,
  type Served,
  type WireOptions,
} from '../../../test/support/http2/wire.ts';

const kib = 1024;
const mib = 1024 * kib;
const hugeWindow = settings([4, 0x7fff_ffff]);
const open = (options: WireOptions = {}): Wire => {
  const wire = new Wire(options);
  wire.send(hugeWindow, windowUpdate(0, 0x7fff_0000));
  wire.frames();
  return wire;
};
const only = (wire: Wire): Served => {
  const [served] = wire.served;
  if (served === undefined) throw new Error('nothing is served');
  return served;
};
const bodyOf = (frames: Frame[], id: number): Buffer =>
  Buffer.concat(
    frames.filter((one) => one.type === FrameType.data && one.id === id).map(({ payload }) => payload),
  );

describe('one turn is one write', () => {
  const small = ({ stream }: Served): void =>
    stream.respond(okHead, Buffer.from('12345'), [Buffer.from('abc'), Buffer.from('def')], okTrailers);

  test('of the answers to all requests that came at once', () => {
    const wire = open({ onComplete: small });
    const before = wire.socket.writes.length;
    wire.send(request(1), request(3), request(5));
    expect(wire.socket.writes.length - before).toBe(1);
    const frames = wire.frames();
    expect(frames.map(describeFrame)).toEqual(
      [1, 3, 5].flatMap((id) => [`headers ${id}`, `data ${id} 11`, `headers ${id} end`]),
    );
    expect(String(frames[1]?.payload)).toBe('12345abcdef');
  });

  test('of all answers that are given later', () => {
    const wire = open();
    wire.send(request(1), request(3), request(5));
    const before = wire.socket.writes.length;
    for (const served of wire.served) small(served);
    expect(wire.socket.writes.length).toBe(before);
    wire.settle();
    expect(wire.socket.writes.length - before).toBe(1);
  });

  test('also when large parts are sent as they are', () => {
    const large = Buffer.alloc(20 * kib, 7);
    const wire = open({
      onComplete: ({ stream }) =>
        stream.respond(okHead, none, [Buffer.from('a'), large, Buffer.from('b')], okTrailers),
    });
    const before = wire.socket.writes.length;
    wire.send(request(1));
    expect(wire.socket.writes.length - before).toBe(1);
    expect(bodyOf(wire.frames(), 1).equals(Buffer.concat([Buffer.from('a'), large, Buffer.from('b')]))).toBe(
      true,
    );
    expect(wire.socket.pieces.some((piece) => piece.buffer === large.buffer)).toBe(true);
  });

  test('several writes to one stream make one frame', () => {
    const wire = open();
    wire.send(request(1), request(3));
    const [first, second] = wire.served;
    first?.stream.headers(okHead, false);
    for (const text of ['ab', 'cd']) first?.stream.write(Buffer.from('>'), Buffer.from(text));
    second?.stream.headers(okHead, false);
    first?.stream.write(none, Buffer.from('ef'));
    first?.stream.trailers(okTrailers);
    wire.settle();
    expect(wire.said()).toEqual(['headers 1', 'data 1 6', 'headers 3', 'data 1 2', 'headers 1 end']);
    second?.stream.write(none, Buffer.from('x'));
    wire.settle();
    second?.stream.write(none, Buffer.from('y'));
    second?.stream.end();
    wire.settle();
    expect(wire.said()).toEqual(['data 3 1', 'data 3 1', 'data 3 end 0']);
  });

  test('a frame that has left does not grow, also when the system has not taken it yet', () => {
    const wire = open();
    wire.send(request(1));
    const { stream } = only(wire);
    wire.socket.isStuck = true;
    for (const text of ['ab', 'cd', 'ef']) {
      stream.write(none, Buffer.from(text));
      wire.settle();
    }
    wire.socket.unstick();
    wire.settle();
    const frames = wire.frames();
    expect(frames.map(describeFrame)).toEqual(['data 1 2', 'data 1 2', 'data 1 2']);
    expect(String(bodyOf(frames, 1))).toBe('abcdef');
  });

  test('frames of one stream that grow end at 16 KiB', () => {
    const wire = open();
    wire.send(request(1));
    const { stream } = only(wire);
    const body = Buffer.alloc(5 * kib, 1);
    for (let count = 0; count < 4; count++) stream.write(none, body);
    wire.settle();
    expect(wire.said()).toEqual([`data 1 ${15 * kib}`, `data 1 ${5 * kib}`]);
  });
});

describe('an answer', () => {
  test.each<[string, (served: Served) => void, string[]]>([
    ['of headers only', ({ stream }) => stream.headers(okHead, true), ['headers 1 end']],
    [
      'after informational headers',
      ({ stream }) => (stream.headers(okHead, false), stream.headers(okHead, true)),
      ['headers 1', 'headers 1 end'],
    ],
    [
      'without body and trailers',
      ({ stream }) => stream.respond(okHead, none, none, undefined),
      ['headers 1 end'],
    ],
    [
      'without trailers',
      ({ stream }) => stream.respond(okHead, none, Buffer.from('a'), undefined),
      ['headers 1', 'data 1 end 1'],
    ],
    [
      'of no slices',
      ({ stream }) => stream.respond(okHead, none, [], okTrailers),
      ['headers 1', 'headers 1 end'],
    ],
    [
      'with empty slices',
      ({ stream }) => stream.respond(okHead, none, [none, Buffer.from('a'), none], undefined),
      ['headers 1', 'data 1 end 1'],
    ],
    [
      'that is long, without trailers',
      ({ stream }) => stream.respond(okHead, none, Buffer.alloc(20_000), undefined),
      ['headers 1', 'data 1 16384', 'data 1 end 3616'],
    ],
    [
      'that is long, with empty slices',
      ({ stream }) => stream.respond(okHead, none, [none, Buffer.alloc(20_000), none], okTrailers),
      ['headers 1', 'data 1 16384', 'data 1 3616', 'headers 1 end'],
    ],
    [
      'in parts that is ended while parts wait',
      ({ stream }) => (stream.headers(okHead, false), stream.write(none, Buffer.alloc(20_000)), stream.end()),
      ['headers 1', 'data 1 16384', 'data 1 end 3616'],
    ],
    [
      'that is given twice',
      ({ stream }) => (
        stream.headers(okHead, true),
        stream.respond(okHead, none, none, undefined),
        stream.end(),
        stream.reset(8)
      ),
      ['headers 1 end'],
    ],
    [
      'that is reset',
      ({ stream }) => (
        stream.headers(okHead, false),
        stream.reset(2),
        stream.write(none, Buffer.of(1)),
        stream.end()
      ),
      ['headers 1', 'reset 1 code 2'],
    ],
  ])('%s', (_name, answer, said) => {
    const wire = open({ onComplete: answer });
    wire.send(request(1));
    expect(wire.said()).toEqual(said);
    expect(wire.connection.streams).toBe(0);
    expect(wire.faults).toEqual([]);
  });

  test('6.10: headers above 16 KiB are sent in pieces', () => {
    const block = Buffer.alloc(40_000, 0x88);
    const wire = open({
      onComplete: ({ stream }) => stream.respond(block, none, Buffer.from('a'), okTrailers),
    });
    wire.send(request(1));
    const frames = wire.frames();
    expect(frames.map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
      [1, 0, 16_384],
      [9, 0, 16_384],
      [9, 4, 7232],
      [0, 0, 1],
      [1, 5, okTrailers.length],
    ]);
  });

  test('HPACK 4.2: a client that makes its table smaller is told that it is not used, once', () => {
    const wire = new Wire({ onComplete: ({ stream }) => stream.respond(okHead, none, none, okTrailers) });
    wire.send(settings([1, 100]), request(1), request(3));
    const blocks = wire.frames().filter(({ type }) => type === FrameType.headers);
    expect(blocks.map(({ payload }) => payload[0] === 0x20)).toEqual([true, false, false, false]);
    expect(blocks[0]?.payload.subarray(1).equals(okHead)).toBe(true);
  });
});

describe('what waits', () => {
  const slice = Buffer.alloc(kib, 3);

  test('promise 8: a response of 1 GiB is cut as the socket takes it', () => {
    const wire = open({
      onComplete: ({ stream }) => stream.respond(okHead, none, Array<Buffer>(mib).fill(slice), okTrailers),
    });
    wire.socket.isStuck = true;
    wire.send(request(1));
    expect(wire.socket.writableLength).toBeGreaterThan(200 * kib);
    expect(wire.socket.writableLength).toBeLessThan(300 * kib);
    for (let round = 0; round < 10; round++) {
      wire.socket.unstick();
      wire.socket.isStuck = true;
      wire.settle();
      expect(wire.socket.writableLength).toBeLessThan(300 * kib);
      expect(wire.socket.writableLength).toBeGreaterThan(0);
    }
    wire.send(resetStream(1));
    wire.socket.unstick();
    wire.settle();
    expect(bodyOf(wire.frames(), 1).every((byte) => byte === 3)).toBe(true);
  });

  test('a turn has a bound, whatever windows and the socket allow', () => {
    const wire = open({
      limits: { turnBytesMax: 64 * kib },
      onComplete: ({ stream }) => stream.respond(okHead, none, Array<Buffer>(1000).fill(slice), okTrailers),
    });
    const before = wire.socket.writes.length;
    wire.send(request(1));
    const writes = wire.socket.writes.slice(before);
    expect(writes.length).toBeGreaterThan(11);
    expect(Math.max(...writes.map(({ length }) => length))).toBeLessThan(81 * kib);
    expect(bodyOf(wire.frames(), 1)).toHaveLength(1000 * kib);
  });

  test('a small answer does not wait for a large one', () => {
    const wire = open({
      onComplete: ({ stream }) => {
        const slices = stream.id === 1 ? 4096 : 1;
        stream.respond(okHead, none, Array<Buffer>(slices).fill(slice), okTrailers);
      },
    });
    wire.socket.isStuck = true;
    wire.send(request(1));
    wire.socket.unstick();
    wire.send(request(3));
    const said = wire.said();
    const before = said.slice(0, said.indexOf('headers 3 end')).filter((frame) => frame.startsWith('data 1'));
    expect(before.length * 16 * kib).toBeLessThan(600 * kib);
    expect(said.at(-1)).toBe('headers 1 end');
  });

  test('large answers take turns', () => {
    const wire = open({
      onComplete: ({ stream }) => stream.respond(okHead, none, Array<Buffer>(1000).fill(slice), okTrailers),
    });
    wire.send(request(1), request(3), request(5));
    const order = wire
      .said()
      .filter((said) => said.startsWith('data'))
      .map((said) => said[5]);
    for (let at = 0; at + 3 < 150; at += 3) expect(new Set(order.slice(at, at + 3)).size).toBe(3);
  });

  test('promise 7: write says false when too much waits in a stream, and drained when half of it is gone', () => {
    const wire = new Wire();
    wire.send(request(1));
    const served = only(wire);
    served.stream.headers(okHead, false);
    let written = 0;
    while (served.stream.write(none, slice) && written < 10_000) written++;
    expect(written).toBeGreaterThan(800);
    expect(written).toBeLessThan(1100);
    wire.send(windowUpdate(0, mib * 4), windowUpdate(1, 400 * kib));
    expect(served.drains).toBe(0);
    wire.send(windowUpdate(1, 300 * kib));
    expect(served.drains).toBe(1);
    expect(served.stream.write(none, slice)).toBe(true);
    wire.send(windowUpdate(1, 4 * mib));
    expect(served.drains).toBe(1);
  });

  test('drained comes also for what was written although the stream was full', () => {
    const wire = new Wire();
    wire.send(request(1));
    const served = only(wire);
    served.stream.headers(okHead, false);
    while (served.stream.write(none, slice));
    // Less than was full, more than is drained.
    wire.send(windowUpdate(0, mib * 4), windowUpdate(1, 400 * kib));
    expect(served.drains).toBe(0);
    expect(served.stream.write(none, slice)).toBe(false);
    wire.send(windowUpdate(1, 4 * mib));
    expect(served.drains).toBe(1);
  });

  test('a stream that is ending is not asked for more', () => {
    const wire = new Wire();
    wire.send(request(1));
    const served = only(wire);
    served.stream.headers(okHead, false);
    while (served.stream.write(none, Buffer.alloc(64 * kib)));
    served.stream.end();
    wire.send(windowUpdate(0, 4 * mib), windowUpdate(1, 4 * mib));
    expect(wire.said().at(-1)).toMatch(/^data 1 end/);
    expect(served.drains).toBe(0);
  });

  test('promise 7: when much waits in all streams of a connection, each may hold little', () => {
    const wire = new Wire({ limits: { connectionQueueBytesMax: mib } });
    wire.send(settings([4, 0]), request(1), request(3));
    const [first, second] = wire.served.map(({ stream }) => stream);
    const fill = (stream: Http2Stream | undefined): number => {
      let bytes = 0;
      while (stream?.write(none, slice)) bytes += kib;
      return bytes;
    };
    expect(fill(first)).toBeGreaterThan(800 * kib);
    first?.write(none, Buffer.alloc(200 * kib));
    expect(fill(second)).toBeLessThan(17 * kib);
    wire.send(windowUpdate(3, 10 * kib));
    expect(wire.served[1]?.drains).toBe(1);
    wire.send(resetStream(1));
    expect(fill(second)).toBeGreaterThan(800 * kib);
    wire.send(windowUpdate(0, 8 * mib), windowUpdate(3, 2 * mib), request(5));
    expect(fill(wire.served[2]?.stream)).toBeGreaterThan(800 * kib);
  });

  test('promise 7: many tiny writes that wait are counted as more than their bytes', () => {
    const wire = new Wire();
    wire.send(settings([4, 0]), request(1));
    const { stream } = only(wire);
    let written = 0;
    while (stream.write(none, Buffer.of(1)) && written < 100_000) written++;
    expect(written).toBeLessThan(10_000);
  });

  test('what is written beyond the pace leaves before the end of the turn, but not without end', () => {
    const wire = open();
    wire.send(request(1));
    const { stream } = only(wire);
    const before = wire.socket.writes.length;
    let written = 0;
    while (stream.write(none, slice) && written < 10_000) written++;
    expect(wire.socket.writes.length - before).toBe(8);
    expect(written).toBeGreaterThan(8 * 256 + 800);
    expect(written).toBeLessThan(10 * 256 + 1000);
    wire.settle();
    expect(bodyOf(wire.frames(), 1)).toHaveLength((written + 1) * kib);
  });

  test('a receiver writes again while it is told that it may', () => {
    const wire = open();
    wire.send(request(1));
    const served = only(wire);
    served.stream.headers(okHead, false);
    let left = 20_000;
    const more = (): void => {
      while (left > 0) {
        left--;
        if (!served.stream.write(none, slice)) return;
      }
      served.stream.end();
    };
    served.onDrained = more;
    more();
    wire.settle();
    expect(left).toBe(0);
    const frames = wire.frames();
    expect(bodyOf(frames, 1)).toHaveLength(20_000 * kib);
    expect(served.drains).toBeGreaterThan(2);
  });

  test('promise 9: a receiver that throws when it is told loses its stream', () => {
    const wire = open();
    wire.socket.isStuck = true;
    wire.send(request(1));
    const served = only(wire);
    while (served.stream.write(none, Buffer.alloc(64 * kib)));
    served.onDrained = () => {
      throw new Error('bug');
    };
    wire.socket.unstick();
    wire.settle();
    expect(wire.faults).toEqual([new Error('bug')]);
    expect(wire.said().at(-1)).toBe('reset 1 code 2');
  });

  test('promise 7: a client that takes nothing is not read from, until it does', () => {
    const wire = open({ onComplete: ({ stream }) => stream.respond(okHead, none, slice, okTrailers) });
    wire.socket.isStuck = true;
    const head = Buffer.alloc(16_000, 0x88);
    wire.send(request(1));
    only(wire).stream.headers(head, false);
    for (let id = 3; id < 400 && !wire.socket.isPaused; id += 2) {
      wire.send(request(id, get, false));
      wire.served.at(-1)?.stream.headers(head, false);
    }
    expect(wire.socket.isPaused).toBe(true);
    expect(wire.socket.writableLength).toBeLessThan(1100 * kib);
    wire.socket.unstick();
    wire.settle();
    expect(wire.socket.isPaused).toBe(false);
  });

  test.each<[string, NonNullable<WireOptions['prepare']>]>([
    ['plain', () => undefined],
    ['encrypted', encrypt],
  ])('blocks that are under way are not written to: %s', (_name, prepare) => {
    const wire = open({
      prepare,
      onComplete: ({ stream }) => stream.respond(okHead, none, Buffer.alloc(100, stream.id), okTrailers),
    });
    wire.socket.isStuck = true;
    for (let id = 1; id < 2000; id += 2) wire.send(request(id));
    wire.socket.unstick();
    wire.settle();
    for (let id = 2001; id < 2200; id += 2) wire.send(request(id));
    const frames = parseFrames(wire.bytes());
    for (let id = 1; id < 2200; id += 2) expect(bodyOf(frames, id).equals(Buffer.alloc(100, id))).toBe(true);
  });
});

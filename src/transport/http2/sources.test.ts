/**
 * Goal: bodies that are made while they are sent arrive as those that are there, at the client's pace, and are let go at
 * every end. Method: a connection in memory, and sources that notice what may not be done with them.
 */
import { describe, expect, test } from 'vitest';
import {
  parseFrames,
  request,
  resetStream,
  settings,
  FrameType,
  windowUpdate,
} from '../../../test/support/frames.ts';
import { none, okHead, okTrailers, Wire, type WireOptions } from '../../../test/support/http2/wire.ts';
import { TestSource } from '../../../test/support/messages.ts';
import { SeededRandom } from '../../base/index.ts';

const kib = 1024;
const prefix = Buffer.from('12345');

function noise(random: SeededRandom, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = random.int(0, 255);
  return bytes;
}

/** A connection on which the first request is answered with `source`, as a unary call or as a stream of one message. */
function serving(source: TestSource, options: WireOptions = {}, isStream = false): Wire {
  const wire = new Wire({
    ...options,
    onComplete: ({ stream }) => {
      if (!isStream) stream.respond(okHead, prefix, source, okTrailers);
      else {
        stream.headers(okHead, false);
        stream.write(prefix, source);
        stream.trailers(okTrailers);
      }
    },
  });
  wire.send(settings([4, 0]), request(1));
  return wire;
}

/** Takes everything that was sent for stream 1. */
function bodyOf(wire: Wire): Buffer {
  const frames = parseFrames(wire.bytes()).filter(({ type, id }) => type === FrameType.data && id === 1);
  return Buffer.concat(frames.map(({ payload }) => payload));
}

describe('a source', () => {
  test.each([false, true])(
    'arrives whole and in order, however windows open (as a stream: %s)',
    (isStream) => {
      const random = new SeededRandom(7);
      for (let round = 0; round < 60; round++) {
        const length = random.pick([1, 7, 1000, 16_379, 16_380, 20_000, 70_000, 200_000]);
        const bytes = noise(random, length);
        const source = new TestSource(bytes);
        const wire = serving(source, {}, isStream);
        const parts: Buffer[] = [];
        for (let left = length + prefix.length; left > 0;) {
          const window = Math.min(left, random.pick([1, 2, 5, 9, 1000, 16_384, 65_000]));
          wire.send(windowUpdate(1, window), windowUpdate(0, window));
          const part = bodyOf(wire);
          expect(part).toHaveLength(window);
          if (length > kib) expect(source.position).toBe(Math.max(0, length - (left - window)));
          parts.push(part);
          left -= window;
          // A small step is enough to see the rest with large ones.
          if (length > 1000 && window < 1000) left = finish(wire, parts, left);
        }
        expect(Buffer.concat(parts).equals(Buffer.concat([prefix, bytes]))).toBe(true);
        expect(source.closed).toBe(1);
        expect(wire.connection.streams).toBe(0);
      }
    },
  );

  function finish(wire: Wire, parts: Buffer[], left: number): number {
    wire.send(windowUpdate(1, left), windowUpdate(0, left));
    parts.push(bodyOf(wire));
    return 0;
  }

  test('goes with the headers when it is short, between other bodies', () => {
    const [first, third] = [new TestSource(Buffer.from('abc')), new TestSource(Buffer.alloc(0))];
    const wire = new Wire();
    wire.send(request(1), request(3));
    const [{ stream }, other] = wire.served as [(typeof wire.served)[0], (typeof wire.served)[0]];
    stream.headers(okHead, false);
    stream.write(prefix, first);
    stream.write(none, [Buffer.from('d'), Buffer.from('e')]);
    stream.write(none, third);
    stream.trailers(okTrailers);
    other.stream.respond(okHead, none, new TestSource(Buffer.alloc(0)), okTrailers);
    wire.settle();
    expect(wire.said()).toEqual(['headers 1', 'data 1 10', 'headers 1 end', 'headers 3', 'headers 3 end']);
    expect([first.closed, third.closed]).toEqual([1, 1]);
  });
});

describe('promise 8: a source is read no further than the client takes it', () => {
  test('when the socket is slow', () => {
    const source = new TestSource(Buffer.alloc(10_000 * kib));
    const wire = new Wire({
      onComplete: ({ stream }) => stream.respond(okHead, prefix, source, okTrailers),
    });
    wire.send(settings([4, 0x7fff_ffff]), windowUpdate(0, 0x7fff_0000));
    wire.socket.isStuck = true;
    wire.send(request(1));
    expect(source.position).toBeGreaterThan(200 * kib);
    for (let round = 0; round < 5; round++) {
      expect(source.position).toBeLessThan((round + 1) * 300 * kib);
      wire.socket.unstick();
      wire.socket.isStuck = true;
      wire.settle();
    }
  });

  test('and no more of all sources in one turn than the limit says', () => {
    const sources = Array.from({ length: 8 }, () => new TestSource(Buffer.alloc(1000 * kib)));
    const wire = new Wire({
      limits: { turnBytesMax: 64 * kib },
      onComplete: ({ stream }) => stream.respond(okHead, prefix, sources[(stream.id - 1) / 2]!, okTrailers),
    });
    wire.send(settings([4, 0x7fff_ffff]), windowUpdate(0, 0x7fff_0000));
    const before = wire.socket.writes.length;
    wire.send(...sources.map((_, at) => request(at * 2 + 1)));
    const lengths = wire.socket.writes.slice(before).map(({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThan(81 * kib);
    expect(sources.every(({ closed, position }) => closed === 1 && position === 1000 * kib)).toBe(true);
  });
});

describe('promise 8: a source is let go', () => {
  const half = (): { source: TestSource; wire: Wire } => {
    const source = new TestSource(Buffer.alloc(100_000));
    const wire = serving(source);
    wire.send(windowUpdate(1, 50_000));
    expect(source.position).toBe(49_995);
    return { source, wire };
  };

  test.each<[string, (wire: Wire) => void]>([
    ['when the client resets the stream', (wire) => wire.send(resetStream(1))],
    ['when the server does', (wire) => wire.served[0]?.stream.reset(8)],
    ['when the connection is gone', (wire) => wire.socket.emit('close')],
    ['when the server ends it', (wire) => wire.connection.destroy()],
    ['when nothing is taken for long', (wire) => wire.seconds(61)],
  ])('%s', (_name, end) => {
    const { source, wire } = half();
    end(wire);
    expect(source.closed).toBe(1);
    expect(wire.faults).toEqual([]);
  });

  test('when it keeps too much in memory: the stream is reset', () => {
    const { source, wire } = half();
    wire.frames();
    wire.seconds(2);
    expect(source.closed).toBe(0);
    source.isOverdue = true;
    wire.seconds(1);
    expect(source.closed).toBe(1);
    expect(wire.said()).toEqual(['reset 1 code 8']);
    expect(wire.served[0]?.cancelCode).toBe(8);
  });

  test('also behind others, and when the stream had ended before it came', () => {
    const wire = new Wire();
    wire.send(settings([4, 0]), request(1), request(3));
    const [first, second] = wire.served.map(({ stream }) => stream);
    const sources = Array.from({ length: 5 }, () => new TestSource(Buffer.alloc(2000)));
    first?.headers(okHead, false);
    for (const source of sources.slice(0, 3)) first?.write(none, source);
    sources[2]!.isOverdue = true;
    wire.seconds(1);
    first?.write(none, sources[3]!);
    second?.headers(okHead, true);
    second?.respond(okHead, none, sources[4]!, okTrailers);
    expect(sources.map(({ closed }) => closed)).toEqual([1, 1, 1, 1, 1]);
  });
});

/** Goal: windows in both directions, RFC 9113, sections 5.2, 6.9 and 6.5.2. */
import { describe, expect, test } from 'vitest';
import {
  data,
  describeFrame,
  Flag,
  frame,
  post,
  request,
  resetStream,
  settings,
  FrameType,
  windowUpdate,
  type Frame,
} from '../../../test/support/frames.ts';
import { none, okHead, okTrailers, Wire, type Served } from '../../../test/support/http2/wire.ts';

const kib = 1024;
const initialWindow = 4;

/** An answer of so many bytes that differ from place to place. */
function pattern(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) body[at] = (at * 31 + (at >>> 8)) & 0xff;
  return body;
}
const answerWith =
  (bytes: number) =>
  ({ stream }: Served): void =>
    stream.respond(okHead, none, pattern(bytes), okTrailers);
const bodyOf = (frames: Frame[], id: number): Buffer =>
  Buffer.concat(
    frames.filter((one) => one.type === FrameType.data && one.id === id).map(({ payload }) => payload),
  );
const words = (frames: Frame[]): string[] => frames.map(describeFrame);

describe('what is sent', () => {
  test('6.9: stops at the window of the stream, goes on when it opens, and is cut into frames', () => {
    const wire = new Wire({ onComplete: answerWith(100_000) });
    wire.send(windowUpdate(0, 1_000_000), request(1));
    const first = wire.frames();
    expect(words(first)).toEqual(['headers 1', ...Array(3).fill('data 1 16384'), 'data 1 16383']);
    wire.send(windowUpdate(1, 1000));
    const second = wire.frames();
    expect(words(second)).toEqual(['data 1 1000']);
    wire.send(windowUpdate(1, 100_000));
    const third = wire.frames();
    expect(words(third)).toEqual(['data 1 16384', 'data 1 16384', 'data 1 697', 'headers 1 end']);
    expect(bodyOf([...first, ...second, ...third], 1).equals(pattern(100_000))).toBe(true);
    expect(wire.connection.streams).toBe(0);
  });

  test('6.9: stops at the window of the connection, and shares it', () => {
    const wire = new Wire({ onComplete: answerWith(60_000) });
    wire.send(request(1), request(3));
    const first = wire.frames();
    expect(bodyOf(first, 1).length + bodyOf(first, 3).length).toBe(65_535);
    wire.send(windowUpdate(0, 100_000));
    const frames = [...first, ...wire.frames()];
    expect(bodyOf(frames, 1).equals(pattern(60_000))).toBe(true);
    expect(bodyOf(frames, 3).equals(pattern(60_000))).toBe(true);
    expect(words(frames).filter((said) => said.endsWith('end'))).toHaveLength(2);
  });

  test('6.9.2: a window of zero holds bodies, not headers; a larger setting lets them go', () => {
    const wire = new Wire({ onComplete: answerWith(10) });
    wire.send(settings([initialWindow, 0]), request(1), request(3));
    expect(wire.said()).toEqual(['settings ack', 'headers 1', 'headers 3']);
    wire.send(settings([initialWindow, 4]));
    expect(wire.said()).toEqual(['settings ack', 'data 1 4', 'data 3 4']);
    wire.send(settings([initialWindow, 100]));
    expect(wire.said()).toEqual(['settings ack', 'data 1 6', 'headers 1 end', 'data 3 6', 'headers 3 end']);
  });

  test('6.9.2: a smaller setting makes windows negative, and they have to be opened that much more', () => {
    const wire = new Wire({ onComplete: answerWith(70_000) });
    wire.send(windowUpdate(0, 1_000_000), request(1));
    expect(bodyOf(wire.frames(), 1)).toHaveLength(65_535);
    wire.send(settings([initialWindow, 0]), windowUpdate(1, 65_535));
    expect(wire.said()).toEqual(['settings ack']);
    wire.send(windowUpdate(1, 7));
    expect(wire.said()).toEqual(['data 1 7']);
  });

  test('only the last of several values in one frame counts', () => {
    const wire = new Wire({ onComplete: answerWith(10) });
    wire.send(settings([initialWindow, 0]), request(1));
    wire.send(settings([initialWindow, 0x7fff_ffff], [initialWindow, 3]));
    expect(wire.said().at(-1)).toBe('data 1 3');
  });

  test('an empty body needs no window', () => {
    const wire = new Wire({ onComplete: ({ stream }) => stream.respond(okHead, none, none, okTrailers) });
    wire.send(settings([initialWindow, 0]), request(1));
    expect(wire.said()).toEqual(['settings ack', 'headers 1', 'headers 1 end']);
  });

  test('a stream that is reset leaves the window to others', () => {
    const wire = new Wire({ onComplete: answerWith(60_000) });
    wire.send(request(1), request(3), request(5));
    wire.frames();
    wire.send(resetStream(1), resetStream(3), windowUpdate(0, 100_000));
    const frames = wire.frames();
    expect(bodyOf(frames, 1)).toHaveLength(0);
    expect(words(frames).at(-1)).toBe('headers 5 end');
  });
});

describe('what is received', () => {
  const limits = { streamWindowBytes: 64 * kib, connectionWindowBytes: 128 * kib };
  const part = (id: number, isLast = false): Buffer => data(id, Buffer.alloc(16 * kib), isLast);
  const open = (id: number): Buffer => request(id, post, false);

  test('the windows are announced', () => {
    const wire = new Wire({ limits, isFresh: true });
    wire.settle();
    const [first, second] = wire.frames();
    expect(first?.payload.toString('hex')).toContain('000400010000');
    expect(second === undefined ? '' : describeFrame(second)).toBe(`windowUpdate 0 ${128 * kib - 65_535}`);
  });

  test('6.9: a client that sends more than a stream may is told so', () => {
    const wire = new Wire({ limits, consumes: false });
    wire.send(open(1), part(1), part(1), part(1), part(1));
    expect(wire.said()).toEqual([]);
    wire.send(data(1, 'x'));
    expect(wire.said()).toEqual(['reset 1 code 3', 'windowUpdate 0 65537']);
    expect(wire.served[0]?.cancelCode).toBe(3);
  });

  test('6.9: more than the connection may ends it', () => {
    const wire = new Wire({ limits: { ...limits, connectionWindowBytes: 65_536 }, consumes: false });
    wire.send(open(1), open(3), part(1), part(3), part(1), part(3), data(1, 'x'));
    expect(wire.said()).toEqual(['goAway 3 code 3 DATA beyond the window of the connection']);
  });

  test('promise 8: nothing is granted for what is not consumed, and half a window at a time for what is', () => {
    const wire = new Wire({ limits, consumes: false });
    wire.send(open(1), part(1), part(1), part(1));
    expect(wire.said()).toEqual([]);
    const [served] = wire.served;
    served?.stream.consumed(16 * kib);
    wire.settle();
    expect(wire.said()).toEqual([]);
    served?.stream.consumed(16 * kib);
    wire.settle();
    expect(wire.said()).toEqual([`windowUpdate 1 ${32 * kib}`]);
    wire.send(part(1), part(1), part(1));
    expect(wire.served[0]?.cancelCode).toBeUndefined();
  });

  test('a stream that has ended is granted nothing, the connection is', () => {
    const wire = new Wire({ limits });
    wire.send(open(1), part(1), part(1), part(1), part(1, true));
    expect(wire.said()).toEqual([`windowUpdate 1 ${32 * kib}`, `windowUpdate 0 ${64 * kib}`]);
  });

  test('padding is granted at once', () => {
    const wire = new Wire({ limits, consumes: false });
    const padding = frame(
      FrameType.data,
      Flag.padded,
      1,
      Buffer.concat([Buffer.of(255, 0x61), Buffer.alloc(255)]),
    );
    wire.send(open(1), ...Array<Buffer>(129).fill(padding));
    expect(wire.said()).toEqual([`windowUpdate 1 ${128 * 256}`]);
    expect(wire.served[0]?.body).toBe('a'.repeat(129));
  });

  test('what a closed stream did not consume goes back to the connection', () => {
    const wire = new Wire({ limits, consumes: false });
    wire.send(open(1), part(1), part(1), part(1), part(1), resetStream(1));
    expect(wire.said()).toEqual([`windowUpdate 0 ${64 * kib}`]);
    // Late, and harmless.
    wire.served[0]?.stream.consumed(16 * kib);
    wire.settle();
    expect(wire.said()).toEqual([]);
  });

  test('so does what comes for a stream that was reset', () => {
    const wire = new Wire({ limits, onRequest: ({ stream }) => stream.reset(8) });
    wire.send(open(1), part(1), part(1), part(1), part(1));
    expect(wire.said()).toEqual(['reset 1 code 8', `windowUpdate 0 ${64 * kib}`]);
  });
});

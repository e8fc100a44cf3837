/** Goal: how connections end, and the times that they are given. Method: time is the test's. */
import { describe, expect, test } from 'vitest';
import {
  data,
  Flag,
  frame,
  get,
  post,
  PREFACE,
  request,
  settings,
  FrameType,
  windowUpdate,
} from '../../../test/support/frames.ts';
import { echo, none, okHead, okTrailers, Wire, type Served } from '../../../test/support/http2/wire.ts';
import { encodeHeaders } from '../hpack/index.ts';

const drainPing = frame(FrameType.ping, Flag.ack, 0, Buffer.from('drain...'));
const alivePing = frame(FrameType.ping, Flag.ack, 0, Buffer.from('alive...'));
const answerAll = (wire: Wire): void => {
  for (const served of wire.served.splice(0)) echo(served);
  wire.settle();
};
/** What a promise has come to. */
function watch(promise: Promise<void>): { isDone: boolean } {
  const watched = { isDone: false };
  void promise.then(() => (watched.isDone = true));
  return watched;
}

describe('draining', () => {
  test('6.8: asks for no more, waits for what was under way, names the last, finishes, and closes', async () => {
    const wire = new Wire();
    wire.send(request(1));
    const drained = watch(wire.connection.drain());
    wire.settle();
    expect(wire.said()).toEqual(['goAway 2147483647 code 0', 'ping']);
    wire.send(request(3), drainPing);
    expect(wire.said()).toEqual(['goAway 3 code 0']);
    wire.send(request(5), request(7, post, false), data(7, 'abc', true));
    expect(wire.served).toHaveLength(2);
    expect(wire.said()).toEqual([]);
    expect(wire.socket.writableEnded).toBe(false);
    answerAll(wire);
    expect(wire.said()).toEqual(['headers 1 end', 'headers 3 end']);
    expect(wire.socket.writableEnded).toBe(true);
    expect(drained.isDone).toBe(false);
    wire.socket.destroy();
    wire.settle();
    await Promise.resolve();
    expect(drained.isDone).toBe(true);
    expect(wire.isTicking).toBe(false);
  });

  test('closes at once when nothing is open', () => {
    const wire = new Wire();
    void wire.connection.drain();
    wire.settle();
    wire.send(drainPing);
    expect(wire.said()).toEqual(['goAway 2147483647 code 0', 'ping', 'goAway 0 code 0']);
    expect(wire.socket.writableEnded).toBe(true);
  });

  test('does not wait for an answer to its ping for long', () => {
    const wire = new Wire();
    void wire.connection.drain();
    wire.seconds(2);
    expect(wire.said().at(-1)).toBe('goAway 0 code 0');
  });

  test('a second time is the same', async () => {
    const wire = new Wire();
    const both = [watch(wire.connection.drain()), watch(wire.connection.drain())];
    wire.settle();
    expect(wire.said()).toEqual(['goAway 2147483647 code 0', 'ping']);
    wire.socket.destroy();
    wire.settle();
    await Promise.resolve();
    expect(both).toEqual([{ isDone: true }, { isDone: true }]);
    await wire.connection.drain();
  });

  test('a client that takes its time for the last answers gets it, one that takes nothing does not', () => {
    const wire = new Wire({ limits: { stallMsMax: 10_000 } });
    wire.send(request(1));
    void wire.connection.drain();
    wire.send(drainPing);
    wire.socket.isStuck = true;
    answerAll(wire);
    expect(wire.socket.writableEnded).toBe(true);
    wire.seconds(9);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(3);
    expect(wire.socket.destroyed).toBe(true);
  });

  test('a client that does not close its side is closed', () => {
    const wire = new Wire();
    void wire.connection.drain();
    wire.send(drainPing);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(true);
    expect(wire.isTicking).toBe(false);
  });
});

describe('the end by the other side', () => {
  test.each(['end', 'close'])('promise 7: with %s all requests are cancelled', (event) => {
    const wire = new Wire();
    wire.send(request(1), request(3));
    wire.socket.emit(event);
    expect(wire.served.map(({ cancelCode }) => cancelCode)).toEqual([8, 8]);
    expect(wire.connection.streams).toBe(0);
    answerAll(wire);
    expect(wire.said()).toEqual([]);
  });

  test('errors of the socket are not errors of the server', () => {
    const wire = new Wire();
    wire.socket.emit('error', new Error('ECONNRESET'));
    expect(wire.faults).toEqual([]);
  });

  test('destroy cancels, and nothing is served any more', () => {
    const wire = new Wire({ onRequest: () => wire.connection.destroy() });
    wire.send(request(1), request(3));
    expect(wire.served.map(({ cancelCode }) => cancelCode)).toEqual([8]);
    expect(wire.socket.destroyed).toBe(true);
  });

  test('a socket that is gone before the start is noticed', () => {
    const wire = new Wire({ isFresh: true, prepare: (socket) => (socket.destroyed = true) });
    expect(wire.isTicking).toBe(false);
  });
});

describe('keep-alive', () => {
  const limits = { keepaliveMs: 10_000, keepaliveTimeoutMs: 3000 };

  test('an idle client is asked for a sign of life, and closed without', () => {
    const wire = new Wire({ limits });
    wire.seconds(9);
    expect(wire.said()).toEqual([]);
    wire.seconds(1);
    expect(wire.said()).toEqual(['ping']);
    wire.seconds(2);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(true);
    expect(wire.violations).toEqual(['no sign of life']);
  });

  test('anything that comes is one', () => {
    const wire = new Wire({ limits });
    wire.seconds(11);
    wire.send(alivePing);
    wire.seconds(9);
    wire.send(request(1));
    wire.seconds(9);
    expect(wire.said()).toEqual(['ping']);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.said()).toEqual(['ping']);
  });

  test('by default after two hours and 20 seconds, as in etcd', () => {
    const wire = new Wire();
    wire.seconds(7199);
    expect(wire.said()).toEqual([]);
    wire.seconds(20);
    expect(wire.said()).toEqual(['ping']);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(true);
  });
});

describe('promise 7: time', () => {
  test('for the preface', () => {
    const wire = new Wire({ isFresh: true });
    wire.send(PREFACE.subarray(0, 10));
    wire.seconds(9);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(true);
    expect(wire.violations).toEqual(['no preface in time']);
  });

  test.each<[string, Buffer]>([
    ['a frame', request(1).subarray(0, 12)],
    ['the head of a frame', request(1).subarray(0, 3)],
    ['a header block', frame(FrameType.headers, 0, 1, encodeHeaders(get))],
  ])('to complete %s', (_name, bytes) => {
    const wire = new Wire();
    wire.seconds(100);
    wire.send(bytes);
    wire.seconds(30);
    expect(wire.said()).toEqual([]);
    wire.seconds(1);
    expect(wire.said()).toEqual(['goAway 0 code 11 frame not completed']);
  });

  test('does not run out for a client that is slow and goes on', () => {
    const wire = new Wire({ onComplete: echo });
    let bytes = Buffer.alloc(0);
    for (let id = 1; id < 40; id += 2) {
      bytes = Buffer.concat([bytes, request(id)]);
      wire.send(bytes.subarray(0, -5));
      bytes = bytes.subarray(-5);
      wire.seconds(20);
    }
    expect(wire.connection.streams).toBe(0);
    expect(wire.violations).toEqual([]);
  });

  test('for a window that is not opened: the stream is reset, others go on', () => {
    const wire = new Wire({
      onComplete: ({ stream }) => stream.respond(okHead, none, Buffer.alloc(100), okTrailers),
    });
    wire.send(settings([4, 50]), windowUpdate(0, 1_000_000), request(1), request(3));
    wire.frames();
    wire.seconds(59);
    wire.send(windowUpdate(3, 10));
    expect(wire.said()).toEqual(['data 3 10']);
    wire.seconds(1);
    expect(wire.said()).toEqual(['reset 1 code 8']);
    expect(wire.served[0]?.cancelCode).toBe(8);
    wire.send(windowUpdate(3, 40));
    expect(wire.said()).toEqual(['data 3 40', 'headers 3 end']);
    wire.seconds(100);
    expect(wire.said()).toEqual([]);
  });

  test('for a socket that takes nothing', () => {
    const wire = new Wire({
      onComplete: ({ stream }: Served) => stream.respond(okHead, none, Buffer.of(1), okTrailers),
    });
    wire.socket.isStuck = true;
    wire.send(request(1));
    wire.seconds(30);
    wire.send(request(3));
    wire.seconds(29);
    expect(wire.socket.destroyed).toBe(false);
    wire.seconds(1);
    expect(wire.socket.destroyed).toBe(true);
    expect(wire.violations).toEqual(['nothing taken']);
  });
});

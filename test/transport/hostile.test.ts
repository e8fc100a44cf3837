/**
 * Goal: promise 7 for the server as a whole: whatever a client sends, or does not send or take, memory is bounded and
 * other clients are served. Method: the built server in a process of its own, attackers on bare sockets, and a bystander
 * that puts and reads all the while. What exactly each limit answers is tested beside the transport.
 */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeRequest } from '../etcd/protocol.ts';
import {
  data,
  Flag,
  frame,
  parseFrames,
  request,
  resetStream,
  settings,
  FrameType,
  windowUpdate,
  type Fields,
} from '../support/frames.ts';
import { atLeast, callHeaders, message, Siege, type Endured } from '../support/siege.ts';

/** What garbage and buffers may add, from the start to the end; each attack could take several times as much. */
const GROWTH_MIB_MAX = 160;
/** While it waits for an answer, the bystander has to wait for no more than this of what is computed for others... */
const BUSIEST_MS_MAX = 2_000;
/** ...and if the machine has other work, too, it is answered all the same. */
const SLOWEST_MS_MAX = 20_000;
const FLOOD_MS = 1_000;
const LANES = 4;

let siege: Siege;

beforeAll(async () => {
  siege = await Siege.start();
});
afterEach(() => siege.relieve());
afterAll(() => siege.end());

function expectEndured(endured: Endured, grownMiBMax = GROWTH_MIB_MAX): void {
  expect(endured.failed).toBe(0);
  expect(endured.served).toBeGreaterThan(0);
  expect(endured.busiestMs).toBeLessThan(BUSIEST_MS_MAX);
  expect(endured.slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  expect(endured.grownMiB).toBeLessThan(grownMiBMax);
}

const range = message(
  encodeRequest('/etcdserverpb.KV/Range', { key: Buffer.from('big/'), range_end: Buffer.from('big0') }),
);

function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.concat(Array<Buffer>(Math.ceil(length / bytes.length)).fill(bytes));
}

/** So many calls from that turn on, each followed by what `after` makes of its id. */
function calls(turn: number, count: number, after: (id: number) => Buffer): Buffer {
  const ids = Array.from({ length: count }, (_, at) => (turn * count + at) * 2 + 1);
  return Buffer.concat(ids.flatMap((id) => [request(id, callHeaders('KV/Range'), false), after(id)]));
}

/** Of a client that compresses, and wants it. */
const zipped: Fields = [
  ['grpc-encoding', 'gzip'],
  ['grpc-accept-encoding', 'gzip'],
];
const open = request(1, callHeaders('Watch/Watch'), false);
const endless = frame(FrameType.headers, 0, 3, Buffer.alloc(16_000, 0x82));
/** A literal of 4,000 bytes for the table, then blocks of nothing but its number. */
const bombEntry = Buffer.concat([
  Buffer.from('400161 7fa11e'.replace(' ', ''), 'hex'),
  Buffer.alloc(4000, 'x'),
]);
const bomb = Buffer.alloc(16_000, 0xbe);

describe('promise 7: floods', () => {
  const filler = 64 * 1024;
  test.each<[string, (turn: number) => Buffer]>([
    ['SETTINGS', () => repeated(settings([4, 65_535]), filler)],
    ['PING', () => repeated(frame(FrameType.ping, 0, 0, Buffer.alloc(8)), filler)],
    ['PRIORITY', () => repeated(frame(FrameType.priority, 0, 1, Buffer.alloc(5)), filler)],
    ['unknown frames', () => repeated(frame(0x77, 0, 0, Buffer.alloc(100)), filler)],
    ['WINDOW_UPDATE', () => repeated(windowUpdate(0, 1), filler)],
    [
      'empty DATA',
      (turn) => Buffer.concat([turn === 0 ? open : Buffer.alloc(0), repeated(data(1, ''), filler)]),
    ],
    [
      'CONTINUATION',
      (turn) => (turn === 0 ? endless : frame(FrameType.continuation, 0, 3, Buffer.alloc(16_000, 0x82))),
    ],
    ['rapid reset', (turn) => calls(turn, 200, resetStream)],
    ['streams that the server has to reset', (turn) => calls(turn, 200, (id) => windowUpdate(id, 0))],
    [
      'malformed requests',
      (turn) =>
        Buffer.concat(
          Array.from({ length: 200 }, (_, at) => request((turn * 200 + at) * 2 + 1, [['X', 'y']])),
        ),
    ],
    ['what is not HTTP/2', () => Buffer.alloc(filler, 0xff)],
  ])('%s: the connection ends, others are served', async (_name, next) => {
    let closed = 0;
    const endured = await siege.endure(async () => {
      closed = await siege.flood({ forMs: FLOOD_MS, lanes: LANES, closedMin: LANES }, next);
    });
    expectEndured(endured);
    expect(closed).toBeGreaterThanOrEqual(LANES);
  });

  test('header lists that unpack to 64 MB: they are refused one by one, others are served', async () => {
    const endured = await siege.endure(() =>
      siege.flood({ forMs: FLOOD_MS, lanes: LANES }, (turn) => {
        const block = turn === 0 ? bombEntry : bomb;
        return frame(FrameType.headers, Flag.endHeaders | Flag.endStream, turn * 2 + 1, block);
      }),
    );
    expectEndured(endured);
  });

  test('connections that come and go', async () => {
    let count = 0;
    const endured = await siege.endure(async () => {
      const isOver = atLeast(FLOOD_MS, () => count > 100);
      while (!isOver()) {
        const attackers = await Promise.all(Array.from({ length: 20 }, () => siege.dial()));
        for (const { socket } of attackers) socket.resetAndDestroy();
        count += attackers.length;
      }
    });
    expectEndured(endured);
    expect(count).toBeGreaterThan(100);
  });
});

describe('promise 7: what is held', () => {
  test('streams above the limit are refused', async () => {
    const streamsMax = 16_384;
    let refused = 0;
    const endured = await siege.endure(async () => {
      const attacker = await siege.dial();
      attacker.isKeeping = true;
      const perTurn = 512;
      for (let turn = 0; turn * perTurn < streamsMax + perTurn; turn++) {
        await attacker.send(calls(turn, perTurn, () => Buffer.alloc(0)));
      }
      await expect
        .poll(
          () => {
            const frames = completeFrames(Buffer.concat(attacker.received));
            refused = frames.filter(
              ({ type, payload }) => type === FrameType.reset && payload[3] === 7,
            ).length;
            return refused;
          },
          { timeout: 60_000 },
        )
        .toBe(perTurn);
    });
    expectEndured(endured);
  });

  /** Each of the answers that are asked for below is so long: the values of all keys `big/...`. */
  const bigBytes = 1_000_000;
  const bigValues = 100;
  const answers = 500;

  async function askForMuch(window: number, isReading: boolean, more: Fields = []): Promise<void> {
    const attacker = await siege.dial(window);
    if (!isReading) attacker.socket.pause();
    for (let at = 0; at < answers; at++) {
      const id = at * 2 + 1;
      await attacker.send(
        Buffer.concat([request(id, callHeaders('KV/Range', more), false), data(id, range, true)]),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // The rest of what was asked for is still waiting.
    expect(attacker.receivedBytes).toBeLessThan((bigBytes * answers) / 4);
    expect(attacker.isClosed).toBe(false);
  }

  test.each<[string, number, boolean, Fields]>([
    ['a window of zero', 0, true, []],
    ['a window of a byte', 1, true, []],
    ['a reader that does not read', 2 ** 31 - 1, false, []],
    ['a window of zero, compressed', 0, true, zipped],
  ])('answers of 500 MB for %s', async (_name, window, isReading, more) => {
    for (let at = 0; at < bigValues; at++) {
      const value = randomBytes(bigBytes / bigValues);
      expect(await siege.ask('KV/Put', { key: Buffer.from(`big/${at}`), value })).toBe(0);
    }
    expectEndured(await siege.endure(() => askForMuch(window, isReading, more)));
  });

  test.each([
    ['nothing', ''],
    ['half of a preface', 'PRI * HTTP/2.0\r\n'],
    ['half of a request of HTTP/1.1', `GET /health HTTP/1.1\r\nx: ${'y'.repeat(1_000)}`],
  ])('1,000 connections that send %s', async (_name, text) => {
    const endured = await siege.endure(async () => {
      for (let at = 0; at < 1_000; at++) (await siege.dialBare()).socket.write(text);
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    expectEndured(endured);
  });

  // The last ones, because what they take is not given back to the system at once.
  const put = callHeaders('KV/Put');
  const gatewayPut = [
    ...put.filter(([name]) => name === ':method' || name === ':scheme' || name === ':authority'),
  ];
  test.each<[string, Fields, Buffer]>([
    ['messages', put, message(Buffer.alloc(1_500_000)).subarray(0, 1_400_000)],
    ['bodies', [...gatewayPut, [':path', '/v3/kv/put']], Buffer.alloc(1_400_000, ' ')],
  ])('the beginnings of long %s', async (_name, headers, beginning) => {
    const endured = await siege.endure(async () => {
      const attacker = await siege.dial();
      for (let at = 0; at < 250; at++) {
        const id = at * 2 + 1;
        await attacker.send(request(id, headers, false));
        for (let from = 0; from < beginning.length; from += 16_000) {
          await attacker.send(data(id, beginning.subarray(from, from + 16_000)));
        }
      }
    });
    // 350 MB were sent. What the server keeps of it is at most 128 MiB.
    expectEndured(endured, 2 * 128);
  });

  test('10,000 messages that unpack to 1 MB each', async () => {
    const deflated = gzipSync(Buffer.alloc(1_200_000));
    // A message of at most 1 KiB would be unpacked at once.
    expect(deflated.length).toBeGreaterThan(1_024);
    const body = message(deflated, true);
    const endured = await siege.endure(async () => {
      const attacker = await siege.dial();
      for (let at = 0; at < 10_000; at++) {
        const id = at * 2 + 1;
        await attacker.send(
          Buffer.concat([request(id, callHeaders('KV/Put', zipped), false), data(id, body, true)]),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    // The limit is for messages that wait; those that are unpacked are garbage soon.
    expectEndured(endured, 2 * 128);
  });
});

/** The frames of what has come so far; the last may be cut. */
function completeFrames(bytes: Buffer): ReturnType<typeof parseFrames> {
  let end = 0;
  while (end + 9 <= bytes.length && end + 9 + bytes.readUIntBE(end, 3) <= bytes.length) {
    end += 9 + bytes.readUIntBE(end, 3);
  }
  return parseFrames(bytes.subarray(0, end));
}

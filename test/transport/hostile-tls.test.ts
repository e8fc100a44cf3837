/**
 * Goal: as in hostile.test.ts, over mutual TLS, and over HTTP/1.1 with it: memory is bounded and other clients are served.
 */
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeRequest } from '../etcd/protocol.ts';
import { TestAuthority } from '../support/certificates.ts';
import { data, frame, FrameType, request, resetStream, settings } from '../support/frames.ts';
import { atLeast, callHeaders, message, Siege, type Attacker, type Endured } from '../support/siege.ts';

/** What garbage, handshakes and buffers may add, from the start to the end. */
const GROWTH_MIB_MAX = 200;
/** While it waits for an answer, the bystander has to wait for no more than this of what is computed for others... */
const BUSIEST_MS_MAX = 2_000;
/** ...and if the machine has other work, too, it is answered all the same. */
const SLOWEST_MS_MAX = 20_000;
const FLOOD_MS = 1_000;
const LANES = 4;

let siege: Siege;
let authority: TestAuthority;

beforeAll(async () => {
  authority = await TestAuthority.create();
  const [server, client] = [await authority.server(), await authority.client()];
  siege = await Siege.start({
    ...{ certFile: server.certFile, keyFile: server.keyFile, caFile: authority.caFile },
    client: { ca: authority.ca, cert: client.certificate, key: client.key },
  });
});
afterEach(() => siege.relieve());
afterAll(async () => {
  await siege.end();
  rmSync(authority.directory, { recursive: true });
});

function expectEndured(endured: Endured): void {
  expect(endured.failed).toBe(0);
  expect(endured.served).toBeGreaterThan(0);
  expect(endured.busiestMs).toBeLessThan(BUSIEST_MS_MAX);
  expect(endured.slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  expect(endured.grownMiB).toBeLessThan(GROWTH_MIB_MAX);
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('promise 7: over TLS', () => {
  const repeated = (bytes: Buffer): Buffer => Buffer.concat(Array<Buffer>(4_000).fill(bytes));
  test.each<[string, (turn: number) => Buffer]>([
    ['SETTINGS', () => repeated(settings([4, 65_535]))],
    ['PING', () => repeated(frame(FrameType.ping, 0, 0, Buffer.alloc(8)))],
    ['CONTINUATION', (turn) => headersWithoutEnd(turn)],
    ['rapid reset', (turn) => rapidResets(turn)],
    ['what is not HTTP/2', () => Buffer.alloc(65_536, 0xff)],
  ])('a flood of %s: the connection ends, others are served', async (_name, next) => {
    let closed = 0;
    const endured = await siege.endure(async () => {
      closed = await siege.flood({ forMs: FLOOD_MS, lanes: LANES, closedMin: LANES }, next);
    });
    expectEndured(endured);
    expect(closed).toBeGreaterThanOrEqual(LANES);
  });

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['half of a handshake', Buffer.from('16030100ff010000fb0303', 'hex')],
  ])('500 connections that send %s', async (_name, bytes) => {
    const endured = await siege.endure(async () => {
      for (let at = 0; at < 500; at++) (await siege.dialBare()).socket.write(bytes);
      await rest(500);
    });
    expectEndured(endured);
  });

  test('plain text, and handshakes that come and go', async () => {
    const endured = await siege.endure(async () => {
      const untilMs = performance.now() + FLOOD_MS;
      while (performance.now() < untilMs) {
        const plain = await siege.dialBare();
        plain.socket.write('GET / HTTP/1.1\r\n\r\n');
        (await siege.dialReady(['h2'])).socket.destroy();
      }
    });
    expectEndured(endured);
  });

  test.each([
    ['a window of zero', 0, true],
    ['a reader that does not read', 2 ** 31 - 1, false],
  ])('answers of 200 MB for %s', async (_name, window, isReading) => {
    const value = Buffer.alloc(10_000, 'v');
    for (let at = 0; at < 100; at++) {
      expect(await siege.ask('KV/Put', { key: Buffer.from(`big/${at}`), value })).toBe(0);
    }
    const list = { key: Buffer.from('big/'), range_end: Buffer.from('big0') };
    const range = message(encodeRequest('/etcdserverpb.KV/Range', list));
    const endured = await siege.endure(async () => {
      const attacker = await siege.dial(window);
      if (!isReading) attacker.socket.pause();
      for (let at = 0; at < 200; at++) {
        const id = at * 2 + 1;
        await attacker.send(
          Buffer.concat([request(id, callHeaders('KV/Range'), false), data(id, range, true)]),
        );
      }
      await rest(1_000);
      expect(attacker.isClosed).toBe(false);
      expect(attacker.receivedBytes).toBeLessThan(50_000_000);
    });
    expectEndured(endured);
  });
});

describe('promise 7: bodies of HTTP/1.1', () => {
  const dial = (): Promise<Attacker> => siege.dialReady(['http/1.1']);
  const head = (length: string): string =>
    `POST /v3/kv/put HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n${length}\r\n\r\n`;

  test('that are announced as too long, or become it, are refused', async () => {
    const endured = await siege.endure(async () => {
      const announced = await dial();
      announced.isKeeping = true;
      await announced.send(Buffer.from(head('content-length: 100000000')));
      await expect
        .poll(() => String(Buffer.concat(announced.received)), { timeout: 60_000 })
        .toContain('429');
      const chunk = Buffer.concat([Buffer.from('fa00\r\n'), Buffer.alloc(64_000, ' '), Buffer.from('\r\n')]);
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const attacker = await dial();
          await attacker.send(Buffer.from(head('transfer-encoding: chunked')));
          for (let sent = 0; sent < 500 && !attacker.isClosed; sent++) await attacker.send(chunk);
          await expect.poll(() => attacker.isClosed, { timeout: 60_000 }).toBe(true);
        }),
      );
    });
    expectEndured(endured);
  });

  test('that never come whole: others are served', async () => {
    const endured = await siege.endure(async () => {
      for (let at = 0; at < 30; at++) {
        const attacker = await dial();
        await attacker.send(Buffer.from(head('content-length: 1400000')));
        await attacker.send(Buffer.alloc(1_390_000, ' '));
      }
      await rest(500);
    });
    expectEndured(endured);
  });

  test('that come a byte at a time, and tiny chunks', async () => {
    const endured = await siege.endure(async () => {
      const attackers = await Promise.all(Array.from({ length: 10 }, dial));
      for (const attacker of attackers) await attacker.send(Buffer.from(head('transfer-encoding: chunked')));
      const isOver = atLeast(FLOOD_MS, () => attackers.every(({ isClosed }) => isClosed));
      const tiny = Buffer.from('1\r\n \r\n'.repeat(200));
      while (!isOver()) for (const attacker of attackers) await attacker.send(tiny);
      expect(attackers.map(({ isClosed }) => isClosed)).toEqual(attackers.map(() => true));
    });
    expectEndured(endured);
  });
});

/** A header block that never ends. */
function headersWithoutEnd(turn: number): Buffer {
  const type = turn === 0 ? FrameType.headers : FrameType.continuation;
  return frame(type, 0, 1, Buffer.alloc(16_000, 0x82));
}

function rapidResets(turn: number): Buffer {
  const ids = Array.from({ length: 200 }, (_, at) => (turn * 200 + at) * 2 + 1);
  return Buffer.concat(ids.flatMap((id) => [request(id, callHeaders('KV/Range'), false), resetStream(id)]));
}

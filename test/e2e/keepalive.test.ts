/** Goal: the flags of keep-alive pings reach the connections. Method: node:http2, which shows pings. */
import { connect } from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import type { Settings } from '../../src/index.ts';
import { startTestServer } from '../support/server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function dial(overrides: Partial<Settings>): Promise<ReturnType<typeof connect>> {
  const it = await startTestServer(overrides);
  const session = connect(it.clientUrl);
  session.on('error', () => undefined);
  closers.push(
    () => it.close(),
    () => session.destroy(),
  );
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  return session;
}

test('--grpc-keepalive-interval: an idle client is pinged', async () => {
  const session = await dial({ grpcKeepaliveInterval: 1000, grpcKeepaliveTimeout: 20_000 });
  let pings = 0;
  session.on('ping', () => pings++);
  await expect.poll(() => pings, { timeout: 60_000 }).toBeGreaterThan(0);
  expect(session.closed).toBe(false);
});

test('--grpc-keepalive-min-time: a client that pings more often is sent away', async () => {
  const session = await dial({ grpcKeepaliveMinTime: 60_000 });
  const goAway = new Promise((resolve) => {
    session.once('goaway', (code: number, _last: number, data?: Buffer) => resolve([code, String(data)]));
  });
  for (let i = 0; i < 4 && !session.destroyed; i++) {
    session.ping(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await goAway).toEqual([11, 'too_many_pings']);
});

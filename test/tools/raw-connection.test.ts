import { createServer as createPlainServer } from 'node:net';
import type { Socket } from 'node:net';
import { createServer } from 'node:http2';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import { setTimeout as rest } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerHeads } from '../support/raw/answer-heads.ts';
import { FrameType, NOTHING, PREFACE, windowUpdate } from '../support/frames.ts';
import { RawClient } from '../support/raw/raw-client.ts';
import { NO_STATUS } from '../support/raw/raw-stream.ts';

/** A server on nghttp2, whose encoder uses the header table and Huffman code: it answers as its requests tell it. */
interface Wish {
  readonly status?: number;
  readonly message?: string;
  readonly bytes?: number;
  readonly http?: number;
  readonly reset?: number;
  /** All in one header block, without a body. */
  readonly trailersOnly?: boolean;
}

let server: Http2Server;
let target: string;
/** Requests as they came, without their five bytes. */
const received: Buffer[] = [];

beforeAll(async () => {
  server = createServer({ paddingStrategy: 2, maxSessionMemory: 1000 });
  server.on('stream', (stream) => {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    stream.on('end', () => answer(stream, Buffer.concat(parts).subarray(5)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  target = `127.0.0.1:${address.port}`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function answer(stream: ServerHttp2Stream, request: Buffer): void {
  received.push(request);
  const wish = JSON.parse(request.toString()) as Wish;
  const trailers = { 'grpc-status': String(wish.status ?? 0), 'grpc-message': wish.message ?? '' };
  const head = { ':status': wish.http ?? 200, 'content-type': 'application/grpc' };
  if (wish.reset !== undefined) return stream.close(wish.reset);
  if (wish.trailersOnly === true) return stream.respond({ ...head, ...trailers }, { endStream: true });
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  const message = Buffer.alloc(5 + (wish.bytes ?? 0), 'x');
  message[0] = 0;
  message.writeUInt32BE(wish.bytes ?? 0, 1);
  stream.end(message);
}

const ask = (client: RawClient, wish: Wish) =>
  client.ask('/etcdserverpb.KV/Range', Buffer.from(JSON.stringify(wish)));

test('a raw connection reads the status of every call, however the header table changes between them', async () => {
  const client = await RawClient.to({ target });
  // The same few statuses again and again, each found in another place of the table.
  const statuses = Array.from({ length: 300 }, (_, at) => [0, 5, 0, 0, 11, 16][(at * at) % 6]!);
  for (const status of statuses) {
    const message = status === 0 ? '' : `why${status}`;
    expect(await ask(client, { status, message })).toMatchObject({ status, text: message });
  }
  const together = await Promise.all(
    statuses.map((status) => ask(client, { status, message: `m${status}` })),
  );
  expect(together.map(({ status }) => status)).toEqual(statuses);
  client.close();
});

test('a raw connection reads a status that comes without a body, and calls without a status are no success', async () => {
  const client = await RawClient.to({ target });
  expect(await ask(client, { trailersOnly: true, status: 9, message: 'a%20b' })).toMatchObject({
    status: 9,
    text: 'a b',
  });
  expect(await ask(client, { http: 503 })).toMatchObject({ status: NO_STATUS, text: 'HTTP status 503' });
  expect(await ask(client, { reset: 7 })).toMatchObject({ status: NO_STATUS });
  expect(await ask(client, { status: 0, bytes: 3 })).toMatchObject({ status: 0 });
  client.close();
});

test('a raw connection puts bodies together from their frames, padded or not, and grants windows again', async () => {
  const client = await RawClient.to({ target });
  for (const bytes of [0, 1, 16_383, 16_384, 70_000, 5_000_000, 40_000_000]) {
    const { message, status } = await ask(client, { bytes });
    expect([status, message.length]).toEqual([0, bytes]);
    expect(message.equals(Buffer.alloc(bytes, 'x'))).toBe(true);
  }
  // More than the connection's window in all.
  const many = await Promise.all(Array.from({ length: 20 }, () => ask(client, { bytes: 6_000_000 })));
  expect(many.map(({ message }) => message.length)).toEqual(Array.from({ length: 20 }, () => 6_000_000));
  client.close();
});

test('a raw connection sends what the window holds, and more only when it is granted more', async () => {
  let dataBytes = 0;
  let partial: Buffer = NOTHING;
  let granting: Socket | undefined;
  const strict = createPlainServer((socket) => {
    granting = socket;
    socket.on('error', () => undefined);
    let isGreeted = false;
    socket.on('data', (bytes: Buffer) => {
      partial = Buffer.concat([partial, bytes]);
      if (!isGreeted) partial = partial.subarray(PREFACE.length);
      isGreeted = true;
      for (; partial.length >= 9 + partial.readUIntBE(0, 3);) {
        if (partial[3] === FrameType.data) dataBytes += partial.readUIntBE(0, 3);
        partial = partial.subarray(9 + partial.readUIntBE(0, 3));
        if (partial.length < 9) break;
      }
    });
  });
  await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
  const address = strict.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const client = await RawClient.to({ target: `127.0.0.1:${address.port}` });
  for (let at = 0; at < 20; at++) void ask(client, { message: 'm'.repeat(9981) });
  await until(() => dataBytes >= 60_000);
  expect(dataBytes).toBe(6 * 10_000);
  granting?.write(windowUpdate(0, 24_464));
  await until(() => dataBytes >= 80_000);
  expect(dataBytes).toBe(8 * 10_000);
  granting?.write(windowUpdate(0, 1_000_000));
  await until(() => dataBytes >= 200_000);
  expect(dataBytes).toBe(20 * 10_000);
  client.close();
  strict.close();
});

/** Waits for it, and a little longer for what must not come. */
async function until(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!isSo() && Date.now() < endMs) await rest(5);
  await rest(100);
}

test('a raw connection holds requests back that the window of the server does not let through, and loses none', async () => {
  const client = await RawClient.to({ target });
  received.length = 0;
  const message = 'm'.repeat(12_000);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) => ask(client, { status: at % 3, message })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, (_, at) => at % 3));
  expect(received.every((request) => (JSON.parse(request.toString()) as Wish).message === message)).toBe(
    true,
  );
  client.close();
});

test('calls under way on a connection that breaks end without a status, and so do those begun after it', async () => {
  const lonely = createServer();
  lonely.on('stream', (stream) => stream.session?.destroy());
  await new Promise<void>((resolve) => lonely.listen(0, '127.0.0.1', resolve));
  const address = lonely.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const client = await RawClient.to({ target: `127.0.0.1:${address.port}` });
  expect((await ask(client, {})).status).toBe(NO_STATUS);
  expect((await ask(client, {})).status).toBe(NO_STATUS);
  lonely.close();
});

test('a header block means what the table makes of it: the same bytes are another status after an insertion', () => {
  const heads = new AnswerHeads();
  const read = (...bytes: number[]): number | undefined =>
    heads.read(Buffer.from(bytes), 0, bytes.length).grpcStatus;
  const insert = (digit: number): number[] => [0x40, 11, ...Buffer.from('grpc-status'), 1, 48 + digit];
  expect(read(...insert(0))).toBe(0);
  expect([read(0xbe), read(0xbe)]).toEqual([0, 0]);
  expect(read(...insert(5))).toBe(5);
  expect([read(0xbe), read(0xbf), read(0xbe)]).toEqual([5, 0, 5]);
  // Huffman code: grpc-status and 7, as grpc-go's encoder writes it the first time.
  const name = [0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
  expect(read(0x40, ...name, 0x01, 0x37)).toBe(7);
  expect(read(0x40, 11, ...Buffer.from('grpc-status'), 0)).toBe(2);
});

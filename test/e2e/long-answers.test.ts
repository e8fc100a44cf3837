/**
 * Goal: long answers arrive whole whatever happens to the data while a slow client takes them, and are let go when it goes
 * away. Method: a server in this process, and Node's own HTTP/2 client, which takes as little at a time as a test says.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeRequest, decodeResponse } from '../etcd/protocol.ts';
import { message } from '../support/siege.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const KEYS = 3000;
const VALUE_BYTES = 2000;
const list = { key: Buffer.from('k/'), range_end: Buffer.from('k0') };

interface Found {
  readonly key: string;
  readonly value: string;
}

let it: TestServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  it = await startTestServer();
  await write('a');
});
afterAll(() => it.close());

beforeEach(() => {
  session = connect(it.clientUrl, { settings: { initialWindowSize: 20_000 } });
});
afterEach(() => session.destroy());

async function write(fill: string): Promise<void> {
  const value = Buffer.alloc(VALUE_BYTES, fill);
  const keys = Array.from({ length: KEYS }, (_, at) => Buffer.from(`k/${String(at).padStart(6, '0')}`));
  await Promise.all(keys.map((key) => it.client.call('KV.Put', { key, value })));
}

const underWay = (): number => it.server.store.status().answersUnderWay;

/** Begins a call whose answer waits for the client: its first bytes have arrived. */
async function begin(path: string, more: Record<string, unknown> = {}): Promise<ClientHttp2Stream> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(message(encodeRequest(path, { ...list, ...more })));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('readable', resolve));
  return stream;
}

/** All that is left of the answer: its messages. */
async function rest(stream: ClientHttp2Stream): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

function found(kvs: unknown): Found[] {
  return (kvs as { key: Buffer; value: Buffer }[]).map(({ key, value }) => ({
    key: String(key),
    value: String(value),
  }));
}

function expectAll(kvs: Found[], fill: string): void {
  expect(kvs).toHaveLength(KEYS);
  const value = fill.repeat(VALUE_BYTES);
  expect(kvs.filter((kv, at) => kv.key !== `k/${String(at).padStart(6, '0')}` || kv.value !== value)).toEqual(
    [],
  );
}

/** Overwrites everything, forgets what it was, and lets the store move what is left. */
async function churn(fill: string): Promise<void> {
  for (const each of ['x', 'y', fill]) await write(each);
  const { revision } = it.server.store;
  await it.client.call('KV.Compact', { revision, physical: true });
}

describe('promise 8: an answer that waits', () => {
  test('for a slow client is what it was at its revision, whatever is written, compacted and moved', async () => {
    const unary = await begin('/etcdserverpb.KV/Range');
    const streamed = await begin('/etcdserverpb.KV/RangeStream');
    const txn = await begin('/etcdserverpb.KV/Txn', {
      key: undefined,
      range_end: undefined,
      success: [{ request_range: list }],
    });
    const deleted = await begin('/etcdserverpb.KV/DeleteRange', { prev_kv: true });
    expect(underWay()).toBeGreaterThanOrEqual(4);
    await churn('b');
    const [range] = await rest(unary);
    expectAll(found(decodeResponse('/etcdserverpb.KV/Range', range!)['kvs']), 'a');
    const chunks = (await rest(streamed)).map(
      (chunk) => decodeResponse('/etcdserverpb.KV/RangeStream', chunk)['range_response'] as { kvs: unknown },
    );
    expectAll(
      chunks.flatMap(({ kvs }) => found(kvs)),
      'a',
    );
    const [answer] = await rest(txn);
    const { responses } = decodeResponse('/etcdserverpb.KV/Txn', answer!) as {
      responses: { response_range: { kvs: unknown } }[];
    };
    expectAll(found(responses[0]!.response_range.kvs), 'a');
    const [gone] = await rest(deleted);
    expectAll(found(decodeResponse('/etcdserverpb.KV/DeleteRange', gone!)['prev_kvs']), 'a');
    await expect.poll(underWay).toBe(0);
  });

  test.each(['Range', 'RangeStream'])('%s is let go when the client resets it', async (method) => {
    const stream = await begin(`/etcdserverpb.KV/${method}`);
    expect(underWay()).toBeGreaterThan(0);
    stream.close(8);
    await expect.poll(underWay).toBe(0);
  });

  test('is let go when the connection breaks', async () => {
    for (let count = 0; count < 20; count++) await begin('/etcdserverpb.KV/Range');
    expect(underWay()).toBe(20);
    session.destroy();
    await expect.poll(underWay).toBe(0);
  });

  test('is let go when a client of the gateway goes away', async () => {
    const body = JSON.stringify({
      key: list.key.toString('base64'),
      range_end: list.range_end.toString('base64'),
    });
    const call = httpRequest(`${it.clientUrl}/v3/kv/range`, { method: 'POST' });
    call.on('error', () => undefined);
    call.end(body);
    const response = await new Promise<NodeJS.ReadableStream>((resolve) => call.once('response', resolve));
    response.on('error', () => undefined);
    expect(underWay()).toBe(1);
    call.destroy();
    await expect.poll(underWay).toBe(0);
  });
});

/**
 * Goal: the JSON gateway on the client port, over both versions of HTTP, beside gRPC. What etcd answers to the same requests
 * is compared by `npm run test:etcd`; here is what needs a connection.
 */
import { get as httpGet, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes, startTestServer, type TestServer } from '../support/server.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(() => it.close());

const b64 = (text: string): string => Buffer.from(text).toString('base64');

function post(path: string, body: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(`${it.clientUrl}${path}`, { method: 'POST' }, resolve);
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}

async function textOf(response: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function overHttp2(path: string, body: unknown): Promise<{ status: unknown; text: string }> {
  const session = connect(it.clientUrl);
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
  const head = new Promise<unknown>((resolve) =>
    stream.on('response', (headers) => resolve(headers[':status'])),
  );
  stream.end(JSON.stringify(body));
  const text = await textOf(stream as AsyncIterable<Buffer>);
  session.close();
  return { status: await head, text };
}

test('the same over HTTP/1.1 and HTTP/2, and what gRPC wrote', async () => {
  await it.client.call('KV.Put', { key: bytes('same'), value: bytes('v') });
  const asked = { key: b64('same') };
  const response = await post('/v3/kv/range', asked);
  const first = await textOf(response);
  expect(JSON.parse(first)).toMatchObject({ kvs: [{ key: b64('same'), value: b64('v') }], count: '1' });
  expect(response.headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(first.length),
    'access-control-allow-origin': '*',
  });
  expect(await overHttp2('/v3/kv/range', asked)).toEqual({ status: 200, text: first });
  const refused = await overHttp2('/v3/kv/range', {});
  expect(refused).toEqual({ status: 400, text: '{"code":3,"message":"etcdserver: key is not provided"}' });
});

async function watchers(): Promise<number> {
  const metrics = await new Promise<IncomingMessage>((resolve, reject) =>
    httpGet(`${it.metricsUrl}/metrics`, resolve).on('error', reject),
  );
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(await textOf(metrics))?.[1]);
}

test('a watch tells what happens, line by line, and ends with its client', async () => {
  const before = await watchers();
  const response = await post('/v3/watch', { create_request: { key: b64('watched') } });
  const lines: string[] = [];
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const all = (rest + text).split('\n');
    rest = all.pop() ?? '';
    lines.push(...all);
  });
  response.on('error', () => undefined);
  await expect.poll(() => lines.length).toBe(1);
  await it.client.call('KV.Put', { key: bytes('watched'), value: bytes('1') });
  await expect.poll(() => lines.length).toBe(2);
  expect(JSON.parse(lines[0]!)).toMatchObject({ result: { created: true } });
  expect(JSON.parse(lines[1]!)).toMatchObject({ result: { events: [{ kv: { key: b64('watched') } }] } });
  expect(await watchers()).toBe(before + 1);
  response.destroy();
  await expect.poll(watchers).toBe(before);
});

test('promise 8: a large list takes no memory while its client does not read, and others are served', async () => {
  const value = Buffer.alloc(100_000, 'x');
  for (let i = 0; i < 400; i++) await it.client.call('KV.Put', { key: bytes(`large${i}`), value });
  const before = process.memoryUsage().arrayBuffers;
  const response = await post('/v3/kv/range', { key: b64('large'), range_end: b64('largf') });
  await delay(300);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  expect((await overHttp2('/v3/kv/range', { key: b64('large0'), keys_only: true })).status).toBe(200);
  const parsed = JSON.parse(await textOf(response)) as { kvs: { value: string }[]; count: string };
  expect(parsed.count).toBe('400');
  expect(parsed.kvs.every((kv) => kv.value === value.toString('base64'))).toBe(true);
});

test('a server that stops ends watches with an error', async () => {
  const other = await startTestServer();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(`${other.clientUrl}/v3/watch`, { method: 'POST' }, resolve);
    call.on('error', reject);
    call.end(JSON.stringify({ create_request: { key: b64('a') } }));
  });
  const [text] = await Promise.all([textOf(response), other.close()]);
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    '{"error":{"code":14,"message":"etcdserver: server stopped"}}',
  );
});

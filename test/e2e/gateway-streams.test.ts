/**
 * Goal: calls of the JSON gateway in which both sides send as long as they like, over HTTP/1.1, HTTP/2 and HTTP/2 over TLS:
 * the same answers at the same time. Method: clients of Node that keep their requests open. What etcd 3.7.3 does over
 * HTTP/2 is what is expected; over HTTP/1.1 Go's server lets it answer only when the request has ended.
 */
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { bytes, httpGet, startTestServer, type TestServer } from '../support/server.ts';

let plain: TestServer;
let secure: TestServer;
beforeAll(async () => {
  const authority = await TestAuthority.create();
  const { certFile, keyFile } = await authority.server();
  plain = await startTestServer();
  secure = await startTestServer({
    listenClientUrls: ['http://127.0.0.1:0', 'https://127.0.0.1:0'],
    certFile,
    keyFile,
  });
});
afterAll(() => Promise.all([plain.close(), secure.close()]));

const WAYS = ['HTTP/1.1', 'HTTP/2', 'HTTP/2 over TLS'] as const;
type Way = (typeof WAYS)[number];

/** A call whose request is open. */
class Conversation {
  readonly lines: string[] = [];
  status = 0;
  /** The answer is complete. */
  isEnded = false;
  isClosed = false;
  isContinued = false;
  readonly #request: Writable;
  readonly #destroy: () => void;
  #rest = '';

  constructor(request: Writable, destroy: () => void) {
    this.#request = request;
    this.#destroy = destroy;
    request.on('error', () => undefined);
    request.on('continue', () => (this.isContinued = true));
    request.on('close', () => (this.isClosed = true));
  }

  static open(way: Way, path: string, headers: OutgoingHttpHeaders = {}): Conversation {
    if (way === 'HTTP/1.1') {
      const request = httpRequest(`${plain.clientUrl}${path}`, { method: 'POST', headers, agent: false });
      const call = new Conversation(request, () => request.destroy());
      request.on('response', (response) => call.#answer(response, response.statusCode));
      request.flushHeaders();
      return call;
    }
    const origin = way === 'HTTP/2' ? plain.clientUrl : secure.server.clientUrls[1]!;
    const session = connectHttp2(origin, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers }, { endStream: false });
    const call = new Conversation(stream, () => stream.close(8));
    stream.on('response', (head) => call.#answer(stream, head[':status']));
    stream.on('close', () => session.destroy());
    return call;
  }

  send(...messages: unknown[]): this {
    this.#request.write(
      messages.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(''),
    );
    return this;
  }

  end(): this {
    this.#request.end();
    return this;
  }

  /** The client goes away: a reset of the stream, or the end of the connection. */
  destroy(): void {
    this.#destroy();
  }

  /** Resolves with the lines when there are so many. */
  async until(count: number): Promise<unknown[]> {
    await expect.poll(() => this.lines.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count);
    return this.lines.map((line) => JSON.parse(line) as unknown);
  }

  #answer(body: Readable, status: number | undefined): void {
    this.status = status ?? 0;
    body.on('error', () => undefined);
    body.on('end', () => (this.isEnded = true));
    body.on('data', (part: Buffer) => {
      const all = (this.#rest + part.toString()).split('\n');
      this.#rest = all.pop() ?? '';
      this.lines.push(...all);
    });
  }
}

const serverOf = (way: Way): TestServer => (way === 'HTTP/2 over TLS' ? secure : plain);
const b64 = (text: string): string => Buffer.from(text).toString('base64');
const create = (key: string): unknown => ({ create_request: { key: b64(key) } });

async function watchers(it: TestServer): Promise<number> {
  const { body } = await httpGet(`${it.metricsUrl}/metrics`);
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(body)?.[1]);
}

describe.each(WAYS)('over %s', (way) => {
  test('a watch answers each request when it comes, while the request goes on', async () => {
    const call = Conversation.open(way, '/v3/watch');
    call.send(create(`${way}/1`));
    expect(await call.until(1)).toMatchObject([{ result: { created: true } }]);
    expect(call.status).toBe(200);
    // In parts that end anywhere, and with space between messages.
    const text = JSON.stringify(create(`${way}/2`));
    call.send(' \n', text.slice(0, 20));
    await delay(20);
    call.send(text.slice(20));
    await call.until(2);
    await serverOf(way).client.call('KV.Put', { key: bytes(`${way}/2`), value: bytes('v') });
    call.send({ cancel_request: { watch_id: '0' } });
    const lines = await call.until(4);
    expect(lines).toContainEqual(
      expect.objectContaining({ result: expect.objectContaining({ canceled: true }) }),
    );
    expect(call.isEnded).toBe(false);
    call.destroy();
  });

  test('a watch lives on behind the end of its request, and behind what cannot be read', async () => {
    const it = serverOf(way);
    for (const rest of ['', '{x}', '{"create_']) {
      const key = `${way}/end${rest}`;
      const call = Conversation.open(way, '/v3/watch').send(create(key), rest);
      await call.until(1);
      if (rest !== '{x}') call.end();
      await it.client.call('KV.Put', { key: bytes(key), value: bytes('v') });
      expect(await call.until(2)).toMatchObject([{}, { result: { events: [{ kv: { key: b64(key) } }] } }]);
      expect(call.isEnded).toBe(false);
      call.destroy();
    }
  });

  test('keep-alives of a lease are answered one by one, up to one that cannot be read', async () => {
    const it = serverOf(way);
    const ID = String((await it.client.call('Lease.LeaseGrant', { TTL: 60 }))['ID']);
    const call = Conversation.open(way, '/v3/lease/keepalive');
    for (let round = 1; round <= 3; round++) {
      call.send({ ID }, '\n');
      expect((await call.until(round)).at(-1)).toMatchObject({ result: { ID, TTL: '60' } });
    }
    call.send({ ID }, { ID }, 'nope');
    await expect.poll(() => call.isEnded).toBe(true);
    expect(call.lines).toHaveLength(5);
    call.destroy();
    const whole = Conversation.open(way, '/v3/lease/keepalive').send({ ID }, { ID }).end();
    await expect.poll(() => whole.isEnded).toBe(true);
    expect(whole.lines).toHaveLength(2);
  });

  test('a client that goes away ends its watch', async () => {
    const it = serverOf(way);
    const before = await watchers(it);
    const call = Conversation.open(way, '/v3/watch').send(create('gone'));
    await call.until(1);
    expect(await watchers(it)).toBe(before + 1);
    call.destroy();
    await expect.poll(() => watchers(it)).toBe(before);
  });

  test('a deadline ends a stream that is open, and one that never began', async () => {
    const headers = { 'grpc-timeout': '300m' };
    const begun = Conversation.open(way, '/v3/watch', headers).send(create('late'));
    const idle = Conversation.open(way, '/v3/watch', headers);
    const error = { error: { code: 4, message: 'context deadline exceeded' } };
    expect(await begun.until(2)).toMatchObject([{ result: { created: true } }, error]);
    expect(await idle.until(1)).toEqual([error]);
    await expect.poll(() => [begun.isEnded, idle.isEnded]).toEqual([true, true]);
    expect([begun.status, idle.status]).toEqual([200, 504]);
  });

  test('a client that waits for a word before it sends is given it', async () => {
    const call = Conversation.open(way, '/v3/watch', { expect: '100-continue' });
    await expect.poll(() => call.isContinued).toBe(true);
    call.send(create('continued'));
    expect(await call.until(1)).toMatchObject([{ result: { created: true } }]);
    call.destroy();
  });

  test('promise 8: a message without end takes no more memory than one may, and is an error', async () => {
    const call = Conversation.open(way, '/v3/watch').send('{"create_request":{"key":"');
    const before = process.memoryUsage().arrayBuffers;
    const part = 'A'.repeat(64 * 1024);
    let sent = 0;
    let peak = 0;
    while (!call.isEnded && !call.isClosed && sent < 64 * 1024 * 1024) {
      call.send(part);
      sent += part.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      await delay(1);
    }
    expect(sent).toBeLessThan(16 * 1024 * 1024);
    expect(peak).toBeLessThan(32 * 1024 * 1024);
    expect(call.lines.join()).toContain('"code":8');
    call.destroy();
  });
});

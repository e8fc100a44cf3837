/**
 * Goal: promise 9, no input ends the process or changes anything. Method: what no honest client sends, then a look at what
 * was answered, that nothing was written, and that memory returns. The texts are those of etcd 3.7.3, sent the same.
 */
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { bytes, hex, startTestServer, type TestServer } from '../support/server.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
  await it.client.call('KV.Put', { key: bytes('k'), value: bytes('v') });
});
afterAll(() => it.close());

const malformed = {
  code: 13,
  message: 'grpc: error unmarshalling request: proto: cannot parse invalid wire-format data',
};
const KV_METHODS = ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact'];

describe('malformed messages', () => {
  test.each(
    KV_METHODS.flatMap((method) => [
      [method, 'ff'],
      [method, '0a05 61'],
      [method, '0a'],
    ]),
  )('KV.%s %s', async (method, digits) => {
    const { revision } = it.server.store;
    await expect(it.client.raw(`/etcdserverpb.KV/${method}`, hex(digits))).rejects.toMatchObject(malformed);
    expect(it.server.store.revision).toBe(revision);
  });

  test.each([
    'Lease/LeaseGrant',
    'Lease/LeaseRevoke',
    'Lease/LeaseTimeToLive',
    'Lease/LeaseLeases',
    'Maintenance/Status',
    'Maintenance/Alarm',
    'Maintenance/HashKV',
    'Cluster/MemberList',
  ])('%s', async (path) => {
    await expect(it.client.raw(`/etcdserverpb.${path}`, hex('ff'))).rejects.toMatchObject(malformed);
  });

  test('RangeStream', async () => {
    await expect(it.client.collectRaw('/etcdserverpb.KV/RangeStream', hex('ff'))).rejects.toMatchObject({
      code: 13,
      message: 'grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data',
    });
  });

  test('unknown fields are skipped', async () => {
    await it.client.raw('/etcdserverpb.KV/Range', hex('0a016b f83f01 ba3f0161'));
  });

  test('transactions nested a thousand deep are refused', async () => {
    let nested: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 1000; depth++) nested = field(2, field(4, nested));
    await expect(it.client.raw('/etcdserverpb.KV/Txn', nested)).rejects.toMatchObject({
      code: 3,
      message: 'etcdserver: too many operations in txn request',
    });
  });
});

/** A length-delimited field. */
function field(number: number, content: Buffer): Buffer {
  const head: number[] = [(number << 3) | 2];
  let length = content.length;
  for (; length >= 0x80; length >>>= 7) head.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, length]), content]);
}

describe('values out of their range', () => {
  const call = (name: string, request: Message): Promise<Message> => it.client.call(name, request);

  test('negative limits and revisions count as none', async () => {
    const key = bytes('k');
    expect(await call('KV.Range', { key, limit: -5, revision: -5 })).toMatchObject({ count: 1, more: false });
    expect(await call('KV.Range', { key, limit: Number.MIN_SAFE_INTEGER })).toMatchObject({ count: 1 });
    await expect(call('KV.Range', { key, revision: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      code: 11,
    });
    await call('KV.Compact', { revision: 0 });
    await expect(call('KV.Compact', { revision: -1 })).rejects.toMatchObject({ code: 11 });
  });

  test('empty keys', async () => {
    const refused = { code: 3, message: 'etcdserver: key is not provided' };
    for (const method of ['Range', 'Put', 'DeleteRange']) {
      await expect(call(`KV.${method}`, {})).rejects.toMatchObject(refused);
    }
    await expect(call('KV.Txn', { success: [{ request_put: {} }] })).rejects.toMatchObject(refused);
    await expect(call('KV.Txn', { compare: [{}] })).rejects.toMatchObject(refused);
    await expect(call('KV.Txn', { success: [{}] })).rejects.toMatchObject({
      code: 3,
      message: 'etcdserver: key not found',
    });
  });

  test('unknown enumeration values', async () => {
    const refused = { code: 3, message: 'etcdserver: invalid sort option' };
    await expect(call('KV.Range', { key: bytes('k'), sort_order: 7 })).rejects.toMatchObject(refused);
    await expect(call('KV.Range', { key: bytes('k'), sort_target: 9 })).rejects.toMatchObject(refused);
  });
});

describe('what is no gRPC', () => {
  test.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['\0'.repeat(100)],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + '\xff'.repeat(64)],
  ])('%j', async (text) => {
    const socket = connect(Number(new URL(it.clientUrl).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(text, 'latin1');
    await new Promise((resolve) => {
      socket.once('close', resolve);
      setTimeout(resolve, 500);
      socket.resume();
    });
    socket.destroy();
    await it.client.call('KV.Range', { key: bytes('k') });
  });

  test('connections that break off in the middle of calls', async () => {
    for (let i = 0; i < 20; i++) {
      const client = it.connect();
      const stream = client.open('Watch.Watch');
      stream.send({ create_request: { key: bytes('k') } });
      const put = client.call('KV.Put', { key: bytes('broken') }).catch(() => undefined);
      if (i % 2 === 0) await stream.next();
      client.close();
      stream.cancel();
      await put;
    }
    await it.client.call('KV.Range', { key: bytes('k') });
  });
});

describe('many watchers', () => {
  const WATCHERS = 10_000;

  test('10,000 on a stream are served, and gone with it: memory returns', async () => {
    const before = heapBytes();
    for (let round = 0; round < 2; round++) {
      const stream = it.client.open('Watch.Watch');
      for (let i = 0; i < WATCHERS; i++) stream.send({ create_request: { key: bytes(`many/${i}`) } });
      for (let i = 0; i < WATCHERS; i++) expect((await stream.next())['created']).toBe(true);
      await it.client.call('KV.Put', { key: bytes('many/77') });
      expect(await stream.next()).toMatchObject({
        watch_id: 77,
        events: [{ kv: { key: bytes('many/77') } }],
      });
      stream.cancel();
      await stream.status;
    }
    await expect.poll(() => heapBytes() - before, { interval: 200 }).toBeLessThan(20 * 2 ** 20);
  });

  test('more than allowed are refused', async () => {
    const small = await startTestServer({ maxWatchersPerStream: 2 });
    const stream = small.client.open('Watch.Watch');
    for (let i = 0; i < 3; i++) stream.send({ create_request: { key: bytes('a') } });
    await stream.next();
    await stream.next();
    expect(await stream.next()).toMatchObject({
      created: true,
      canceled: true,
      watch_id: -1,
      cancel_reason: 'etcdserver: too many watchers',
    });
    stream.cancel();
    await small.close();
  });

  test('a client that does not read costs a cursor, not a queue', async () => {
    const before = heapBytes() + process.memoryUsage().arrayBuffers;
    const stream = it.client.open('Watch.Watch');
    stream.send({ create_request: { key: bytes('slow') } });
    await stream.next();
    stream.pause();
    const value = Buffer.alloc(100_000);
    for (let i = 0; i < 300; i++) await it.client.call('KV.Put', { key: bytes('slow'), value });
    stream.resume();
    let seen = 0;
    while (seen < 300) seen += ((await stream.next())['events'] as Message[]).length;
    expect(seen).toBe(300);
    stream.cancel();
    // 30 MB of history are kept, and nothing near another 30 MB for the slow watcher.
    expect(heapBytes() + process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * 2 ** 20);
  });
});

test('calls beyond the limit of one connection wait, and are served', async () => {
  const small = await startTestServer({ maxConcurrentStreams: 3 });
  const streams = Array.from({ length: 3 }, () => small.client.open('Watch.Watch'));
  for (const stream of streams) {
    stream.send({ create_request: { key: bytes('a') } });
    await stream.next();
  }
  const waiting = small.client.call('KV.Range', { key: bytes('a') });
  const winner = await Promise.race([
    waiting,
    new Promise((resolve) => setTimeout(() => resolve('waits'), 200)),
  ]);
  expect(winner).toBe('waits');
  streams[0]!.cancel();
  await waiting;
  for (const stream of streams) stream.cancel();
  await small.close();
});

/** Bytes of the JavaScript heap after a collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

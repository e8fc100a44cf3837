/** Goal: the KV service on the wire, headers included. Method: a server in this process, called by grpc-js. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes, startTestServer, type TestServer } from '../support/server.ts';
import type { Message } from '../support/client.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(() => it.close());

const call = (name: string, request: Message): Promise<Message> => it.client.call(name, request);
const keys = (response: Message): string[] => (response['kvs'] as Message[]).map((kv) => String(kv['key']));

/** Keys of one test, so that tests do not see one another's. */
async function putAll(prefix: string, count: number, value = 'v'): Promise<void> {
  for (let i = 0; i < count; i++) {
    await call('KV.Put', { key: bytes(`${prefix}${String(i).padStart(5, '0')}`), value: bytes(value) });
  }
}

describe('put, range, delete', () => {
  test('carry complete headers and key-values', async () => {
    const put = await call('KV.Put', { key: bytes('a'), value: bytes('1') });
    const header = put['header'] as Message;
    expect(header['cluster_id']).not.toBe(0n);
    expect(header['member_id']).not.toBe(0n);
    expect(header['raft_term']).toBe(1);
    expect(header['revision']).toBe(2);
    const range = await call('KV.Range', { key: bytes('a') });
    expect(range).toMatchObject({ header, count: 1, more: false });
    expect(range['kvs']).toEqual([
      { key: bytes('a'), value: bytes('1'), create_revision: 2, mod_revision: 2, version: 1, lease: 0n },
    ]);
    const again = await call('KV.Put', { key: bytes('a'), value: bytes('2'), prev_kv: true });
    expect(again['prev_kv']).toMatchObject({ value: bytes('1'), version: 1 });
    const deleted = await call('KV.DeleteRange', { key: bytes('a'), prev_kv: true });
    expect(deleted).toMatchObject({ deleted: 1, header: { revision: 4 } });
    expect(deleted['prev_kvs']).toMatchObject([{ value: bytes('2'), version: 2, create_revision: 2 }]);
    expect(await call('KV.DeleteRange', { key: bytes('a') })).toMatchObject({
      deleted: 0,
      header: { revision: 4 },
    });
  });

  test('lists know limits, counts, prefixes, orders and old revisions', async () => {
    await putAll('l/', 5);
    const revision = it.server.store.revision;
    await call('KV.DeleteRange', { key: bytes('l/00002') });
    const list = { key: bytes('l/'), range_end: bytes('l0') };
    expect(await call('KV.Range', { ...list, limit: 2 })).toMatchObject({ count: 4, more: true });
    expect(keys(await call('KV.Range', { ...list, revision }))).toHaveLength(5);
    expect(await call('KV.Range', { ...list, count_only: true })).toMatchObject({ count: 4, kvs: [] });
    const last = await call('KV.Range', { ...list, sort_order: 2, sort_target: 0, limit: 1 });
    expect(keys(last)).toEqual(['l/00004']);
    const onlyKeys = await call('KV.Range', { ...list, keys_only: true, limit: 1 });
    expect(onlyKeys['kvs']).toMatchObject([{ key: bytes('l/00000'), value: Buffer.alloc(0) }]);
  });

  test('a value of 1.5 MiB less its envelope is taken, more is refused', async () => {
    const key = bytes('big');
    await call('KV.Put', { key, value: Buffer.alloc(1_572_000, 7) });
    const back = await call('KV.Range', { key });
    const value = (back['kvs'] as Message[])[0]?.['value'] as Buffer;
    // Vitest's own comparison takes seconds for as many bytes.
    expect(value.equals(Buffer.alloc(1_572_000, 7))).toBe(true);
    await expect(call('KV.Put', { key, value: Buffer.alloc(1_600_000) })).rejects.toMatchObject({
      code: 3,
      message: 'etcdserver: request is too large',
    });
    await expect(call('KV.Put', { key, value: Buffer.alloc(2 << 20) })).rejects.toMatchObject({
      code: 8,
      message: expect.stringMatching(
        /^grpc: received message larger than max \(\d+ vs\. 2097152\)$/,
      ) as string,
    });
    await call('KV.DeleteRange', { key });
  });
});

describe('transactions', () => {
  test('answer with inner headers that carry only the revision', async () => {
    const key = bytes('t');
    const answer = await call('KV.Txn', {
      compare: [{ result: 0, target: 1, key, create_revision: 0 }],
      success: [
        { request_put: { key, value: bytes('1') } },
        { request_range: { key } },
        { request_txn: { success: [{ request_delete_range: { key: bytes('t2') } }] } },
      ],
    });
    const { revision } = answer['header'] as { revision: number };
    expect(answer['succeeded']).toBe(true);
    const inner = { cluster_id: 0n, member_id: 0n, raft_term: 0 };
    expect(answer['responses']).toMatchObject([
      { response_put: { header: { ...inner, revision } } },
      { response_range: { header: { ...inner, revision }, count: 1, kvs: [{ mod_revision: revision }] } },
      { response_txn: { succeeded: true, responses: [{ response_delete_range: { deleted: 0 } }] } },
    ]);
  });

  test('have at most as many operations as allowed', async () => {
    const operations = (count: number): Message => ({
      success: Array.from({ length: count }, (_, at) => ({ request_range: { key: bytes(`o${at}`) } })),
    });
    expect((await call('KV.Txn', operations(128)))['responses']).toHaveLength(128);
    for (const count of [129, 40_000]) {
      await expect(call('KV.Txn', operations(count))).rejects.toMatchObject({
        code: 3,
        message: 'etcdserver: too many operations in txn request',
      });
    }
  });
});

describe('compaction', () => {
  test('refuses what is older, and itself a second time', async () => {
    await putAll('c/', 2);
    const revision = it.server.store.revision;
    await call('KV.Compact', { revision, physical: true });
    const compacted = { code: 11, message: 'etcdserver: mvcc: required revision has been compacted' };
    await expect(call('KV.Compact', { revision })).rejects.toMatchObject(compacted);
    await expect(call('KV.Range', { key: bytes('c/00000'), revision: revision - 1 })).rejects.toMatchObject(
      compacted,
    );
    expect(await call('KV.Range', { key: bytes('c/00000'), revision })).toMatchObject({ count: 1 });
    await expect(call('KV.Compact', { revision: revision + 9 })).rejects.toMatchObject({
      code: 11,
      message: 'etcdserver: mvcc: required revision is a future revision',
    });
  });
});

describe('RangeStream', () => {
  const list = { key: bytes('s/'), range_end: bytes('s0') };

  test('merged, is the answer to Range; the header comes only with the last chunk', async () => {
    await putAll('s/', 95);
    for (const request of [
      list,
      { ...list, limit: 20 },
      { ...list, limit: 10 },
      { ...list, keys_only: true },
    ]) {
      const chunks = (await it.client.collect('KV.RangeStream', request)).map(
        (message) => message['range_response'] as Message,
      );
      const whole = await call('KV.Range', request);
      expect(chunks.flatMap((chunk) => chunk['kvs'] as Message[])).toEqual(whole['kvs']);
      const last = chunks.pop();
      expect(last).toMatchObject({ header: whole['header'], more: whole['more'], count: whole['count'] });
      for (const chunk of chunks) expect(chunk).toMatchObject({ header: null, more: false, count: 0 });
    }
  });

  test('starts with ten keys and doubles', async () => {
    const chunks = await it.client.collect('KV.RangeStream', list);
    const sizes = chunks.map((each) => ((each['range_response'] as Message)['kvs'] as Message[]).length);
    expect(sizes).toEqual([10, 20, 40, 25]);
  });

  test('of a range without keys, and of a count, is one message', async () => {
    for (const request of [{ key: bytes('nothing') }, { ...list, count_only: true }]) {
      const chunks = await it.client.collect('KV.RangeStream', request);
      expect(chunks).toHaveLength(1);
      expect((chunks[0]?.['range_response'] as Message)['header']).not.toBeNull();
    }
  });

  test('keeps large values in chunks of about a request', async () => {
    for (let i = 0; i < 12; i++)
      await call('KV.Put', { key: bytes(`S/${i}`), value: Buffer.alloc(900_000, i) });
    const chunks = await it.client.collect('KV.RangeStream', { key: bytes('S/'), range_end: bytes('S0') });
    expect(chunks.length).toBeGreaterThanOrEqual(6);
  });

  test('refuses orders, filters and revisions as etcd does', async () => {
    const refused = (more: Message): Promise<unknown> =>
      it.client.collect('KV.RangeStream', { ...list, ...more });
    const sort = { code: 12, message: 'RangeStream does not support custom sort orders' };
    await expect(refused({ sort_order: 2 })).rejects.toMatchObject(sort);
    await expect(refused({ min_mod_revision: 1 })).rejects.toMatchObject({
      code: 12,
      message: 'RangeStream does not support revision filters',
    });
    await expect(refused({ revision: 1_000_000 })).rejects.toMatchObject({ code: 11 });
    await expect(refused({ key: Buffer.alloc(0) })).rejects.toMatchObject({ code: 3 });
  });
});

describe('metadata', () => {
  test('hasleader and client-api-version are accepted', async () => {
    const metadata = { hasleader: 'true', 'client-api-version': '3.7', source: 'cache' };
    await it.client.call('KV.Range', { key: bytes('a') }, { metadata });
  });
});

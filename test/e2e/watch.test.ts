/** Goal: the Watch service on the wire. Method: a server in this process; a stream whose messages the test takes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Message, TestStream } from '../support/client.ts';
import { bytes, startTestServer, type TestServer } from '../support/server.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ watchProgressNotifyInterval: 100 });
});
afterAll(() => it.close());

const streams: TestStream[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.cancel();
});

function open(): TestStream {
  const stream = it.client.open('Watch.Watch', { metadata: { hasleader: 'true' } });
  streams.push(stream);
  return stream;
}

const put = (key: string, value = 'v'): Promise<Message> =>
  it.client.call('KV.Put', { key: bytes(key), value: bytes(value) });

const revisionOf = (response: Message): number => (response['header'] as { revision: number }).revision;

describe('a watch', () => {
  test('promise 5: gets what is written, in order, with what was there before', async () => {
    const stream = open();
    stream.send({ create_request: { key: bytes('w'), range_end: bytes('x'), prev_kv: true } });
    const created = await stream.next();
    expect(created).toMatchObject({ created: true, canceled: false, watch_id: 0, events: [] });
    const first = await put('w1', '1');
    await put('w1', '2');
    await put('unseen');
    await it.client.call('KV.DeleteRange', { key: bytes('w1') });
    const events: Message[] = [];
    let header: Message = {};
    while (events.length < 3) {
      const message = await stream.next();
      header = message['header'] as Message;
      events.push(...(message['events'] as Message[]));
    }
    expect(events).toMatchObject([
      { type: 0, kv: { key: bytes('w1'), value: bytes('1'), version: 1 }, prev_kv: null },
      { type: 0, kv: { value: bytes('2'), version: 2 }, prev_kv: { value: bytes('1') } },
      {
        type: 1,
        kv: { key: bytes('w1'), value: Buffer.alloc(0), version: 0 },
        prev_kv: { value: bytes('2') },
      },
    ]);
    expect(header).toMatchObject({ ...(first['header'] as Message), revision: revisionOf(first) + 3 });
  });

  test('can start in the past', async () => {
    const revision = revisionOf(await put('p', '1'));
    await put('p', '2');
    const stream = open();
    stream.send({ create_request: { key: bytes('p'), start_revision: revision } });
    expect((await stream.next())['created']).toBe(true);
    const values: string[] = [];
    while (values.length < 2) {
      for (const event of (await stream.next())['events'] as Message[]) {
        values.push(String((event['kv'] as Message)['value']));
      }
    }
    expect(values).toEqual(['1', '2']);
  });

  test('below a compaction is told which', async () => {
    const revision = revisionOf(await put('q', '1'));
    await put('q', '2');
    await it.client.call('KV.Compact', { revision: revision + 1 });
    const stream = open();
    stream.send({ create_request: { key: bytes('q'), start_revision: revision } });
    expect((await stream.next())['created']).toBe(true);
    expect(await stream.next()).toMatchObject({
      canceled: true,
      compact_revision: revision + 1,
      cancel_reason: '',
      header: { revision: 0 },
    });
  });

  test('is cancelled on request; an unknown id is not answered', async () => {
    const stream = open();
    stream.send({ cancel_request: { watch_id: 77 } });
    stream.send({ create_request: { key: bytes('a'), watch_id: 5 } });
    expect(await stream.next()).toMatchObject({ created: true, watch_id: 5 });
    stream.send({ cancel_request: { watch_id: 5 } });
    expect(await stream.next()).toMatchObject({ canceled: true, watch_id: 5 });
  });

  test('that cannot be is refused on the stream, which goes on', async () => {
    const stream = open();
    const create = async (request: Message): Promise<Message> => {
      stream.send({ create_request: { key: bytes('a'), ...request } });
      return stream.next();
    };
    const refused = { created: true, canceled: true, watch_id: -1 };
    expect(await create({ start_revision: -1 })).toMatchObject({
      ...refused,
      cancel_reason: 'etcdserver: mvcc: required revision has been compacted',
    });
    expect(await create({ range_end: bytes('A') })).toMatchObject({
      ...refused,
      cancel_reason: 'mvcc: watcher range is empty',
    });
    expect(await create({ watch_id: 3 })).toMatchObject({ canceled: false, watch_id: 3 });
    expect(await create({ watch_id: 3 })).toMatchObject({
      ...refused,
      cancel_reason: 'mvcc: duplicate watch ID provided on the WatchStream',
    });
    expect(await create({ filters: [9] })).toMatchObject({ canceled: false });
  });

  test('goes on after the client has finished sending', async () => {
    const stream = open();
    stream.send({ create_request: { key: bytes('h') } });
    await stream.next();
    stream.halfClose();
    await put('h', 'still');
    expect((await stream.next())['events']).toMatchObject([{ kv: { value: bytes('still') } }]);
  });

  test('tells progress when asked and by itself', async () => {
    const stream = open();
    stream.send({ create_request: { key: bytes('g'), progress_notify: true } });
    await stream.next();
    stream.send({ progress_request: {} });
    const seen = new Set<number>();
    while (seen.size < 2) {
      const message = await stream.next();
      expect(message).toMatchObject({ events: [], header: { revision: it.server.store.revision } });
      seen.add(message['watch_id'] as number);
    }
    expect([...seen].sort()).toEqual([-1, 0]);
  });
});

describe('streams', () => {
  test('promise 9: bytes that are no message end the stream, and nothing else', async () => {
    const other = open();
    other.send({ create_request: { key: bytes('z') } });
    await other.next();
    const stream = open();
    stream.sendRaw(Buffer.from([0xff]));
    expect(await stream.status).toMatchObject({
      code: 13,
      details: 'grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data',
    });
    await put('z');
    expect((await other.next())['events']).toHaveLength(1);
  });

  test('an empty request is ignored', async () => {
    const stream = open();
    stream.sendRaw(Buffer.alloc(0));
    stream.send({ create_request: { key: bytes('a') } });
    expect((await stream.next())['created']).toBe(true);
  });
});

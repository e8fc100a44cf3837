/** Goal: keep-alives are answered in the order in which they came, whoever answers them. Method: a fake node, a real store. */
import { beforeEach, describe, expect, test } from 'vitest';
import { turns } from '../../test/property/store-world.ts';
import { hex } from '../../test/support/server.ts';
import { ServiceWorld, type TestBidi } from '../../test/support/service-world.ts';
import { storeError } from '../store/index.ts';
import { encodeLeaseKeepAliveResponse } from '../wire/index.ts';

let world: ServiceWorld;
beforeEach(async () => {
  world = await ServiceWorld.open();
  world.node.leads = false;
});

const open = (): TestBidi => world.open('Lease.LeaseKeepAlive', { hasleader: 'true' });

/** Answers the `nth` of what is forwarded and not answered yet. */
function answer(nth: number, id: bigint, code = 0): void {
  const [asked] = world.node.forwarded.splice(nth, 1);
  const header = world.context.headers.at(1);
  const body = encodeLeaseKeepAliveResponse({ header, id, ttl: 60 });
  asked!.done({ code, message: code === 0 ? '' : 'failed', body });
}

const ids = (stream: TestBidi): unknown[] => stream.sent.map((message) => message['ID'] as bigint);

describe('forwarded', () => {
  test('answers leave in the order of the requests', () => {
    const stream = open();
    for (const ID of [1n, 2n, 3n]) stream.say({ ID });
    expect(world.node.forwarded).toHaveLength(3);
    answer(2, 3n);
    answer(1, 2n);
    expect(ids(stream)).toEqual([]);
    answer(0, 1n);
    expect(ids(stream)).toEqual([1n, 2n, 3n]);
    expect(stream.ended).toBe(false);
  });

  test('a failure ends the stream behind the answers before it', () => {
    const stream = open();
    for (const ID of [1n, 2n, 3n]) stream.say({ ID });
    answer(1, 2n, 14);
    answer(1, 3n);
    expect(stream.ended).toBe(false);
    answer(0, 1n);
    expect(ids(stream)).toEqual([1n]);
    expect(stream.status).toEqual({ code: 14, message: 'failed' });
  });

  test('what cannot be decoded is refused here, behind the answers before it, and nothing after it is looked at', () => {
    const stream = open();
    stream.say({ ID: 1n });
    stream.sayRaw(hex('ff'));
    stream.say({ ID: 2n });
    expect(world.node.forwarded).toHaveLength(1);
    expect(stream.ended).toBe(false);
    answer(0, 1n);
    expect(ids(stream)).toEqual([1n]);
    expect(stream.status).toMatchObject({ code: 13 });
  });

  test('promise 7: so many are forwarded at a time, and the rest waits', () => {
    const stream = open();
    for (let i = 0; i < 100; i++) stream.say({ ID: BigInt(i + 1) });
    expect(world.node.forwarded).toHaveLength(64);
    expect(stream.isPaused).toBe(true);
    for (let i = 0; i < 100; i++) answer(0, BigInt(i + 1));
    expect(ids(stream)).toEqual(Array.from({ length: 100 }, (_, i) => BigInt(i + 1)));
    expect(stream.isPaused).toBe(false);
  });

  test('a client that does not read pauses the stream', () => {
    const stream = open();
    stream.takesMore = false;
    for (const ID of [1n, 2n]) stream.say({ ID });
    answer(0, 1n);
    answer(0, 2n);
    stream.say({ ID: 3n });
    expect(ids(stream)).toEqual([1n]);
    expect(stream.isPaused).toBe(true);
    stream.drain();
    expect(ids(stream)).toEqual([1n, 2n]);
    expect(world.node.forwarded).toHaveLength(1);
  });

  test('a client that has said all gets all answers, then the end', () => {
    const stream = open();
    for (const ID of [1n, 2n]) stream.say({ ID });
    stream.halfClose();
    answer(0, 1n);
    expect(stream.ended).toBe(false);
    answer(0, 2n);
    expect(ids(stream)).toEqual([1n, 2n]);
    expect(stream.status).toMatchObject({ code: 0 });
  });

  test('answers to a client that has gone go nowhere', () => {
    const stream = open();
    stream.say({ ID: 1n });
    stream.cancel();
    answer(0, 1n);
    expect(ids(stream)).toEqual([]);
  });
});

test('a node that comes to lead answers itself when the leader before has answered what it was asked', async () => {
  const { ID } = (await grantHere()) as { ID: bigint };
  const stream = open();
  stream.say({ ID: 1n });
  world.node.leads = true;
  stream.say({ ID });
  await turns();
  expect(ids(stream)).toEqual([]);
  answer(0, 1n);
  await turns();
  expect(ids(stream)).toEqual([1n, ID]);
  expect(world.node.forwarded).toEqual([]);
});

describe('when another comes to lead', () => {
  const changed = { code: 14, message: 'etcdserver: leader changed', body: new Uint8Array(0) };
  const change = (): void => world.node.forwarded.splice(0, 1)[0]!.done(changed);

  test('what was not answered is asked again, and the stream goes on in order', () => {
    const stream = open();
    for (const ID of [1n, 2n]) stream.say({ ID });
    change();
    expect(world.node.forwarded).toHaveLength(2);
    answer(0, 2n);
    expect(ids(stream)).toEqual([]);
    change();
    answer(0, 1n);
    expect(ids(stream)).toEqual([1n, 2n]);
    expect(stream.ended).toBe(false);
  });

  test('what was under way when the connection to the leader broke is asked again: twice does no harm', () => {
    const stream = open();
    stream.say({ ID: 1n });
    const message = 'etcdserver: request timed out, possibly due to connection lost';
    world.node.forwarded.splice(0, 1)[0]!.done({ ...changed, message });
    answer(0, 1n);
    expect(ids(stream)).toEqual([1n]);
    expect(stream.ended).toBe(false);
  });

  test('promise 7: so often, and no more', () => {
    const stream = open();
    stream.say({ ID: 1n });
    for (let i = 0; i < 8; i++) change();
    expect(stream.ended).toBe(false);
    change();
    expect(stream.status).toEqual({ code: 14, message: 'etcdserver: leader changed' });
  });

  test('what waited in the store of the leader before goes to the next one', async () => {
    const { ID } = (await grantHere()) as { ID: bigint };
    world.node.leads = true;
    const { store } = world.context;
    store.leaseKeepAlive = (_id, done): void => {
      setImmediate(() => done(storeError('LeaderChanged'), { revision: 0, ttl: 0 }));
    };
    const stream = open();
    stream.say({ ID });
    world.node.leads = false;
    await turns();
    expect(stream.ended).toBe(false);
    answer(0, ID);
    expect(ids(stream)).toEqual([ID]);
  });
});

async function grantHere(): Promise<unknown> {
  world.node.leads = true;
  const { response } = await world.call('Lease.LeaseGrant', { TTL: 60 });
  world.node.leads = false;
  return response;
}

test('a stream that asked for a leader ends when it is lost, another goes on', () => {
  const stream = open();
  const other = world.open('Lease.LeaseKeepAlive');
  stream.say({ ID: 1n });
  world.node.loseLeader();
  expect(stream.status).toEqual({ code: 14, message: 'etcdserver: no leader' });
  expect(other.ended).toBe(false);
  world.context.stop.endAll();
  expect(other.status).toEqual({ code: 14, message: 'etcdserver: server stopped' });
});

/**
 * Goal: a node that follows gives on what needs the leader, and its client sees what the leader would have answered, but
 * for the member id. Method: the services of a node that follows, and those of one that leads, without a network.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, test } from 'vitest';
import { turns } from '../../test/property/store-world.ts';
import type { Message } from '../../test/support/client.ts';
import { bytes, hex } from '../../test/support/server.ts';
import { ServiceWorld } from '../../test/support/service-world.ts';
import type { ForwardedAnswer } from '../cluster/index.ts';

let leader: ServiceWorld;
let follower: ServiceWorld;

beforeEach(async () => {
  leader = await ServiceWorld.open();
  follower = await ServiceWorld.open();
  follower.node.leads = false;
});

/** Has the leader serve what the follower has forwarded, for member 77. */
async function carry(): Promise<void> {
  const served = leader.forwarded();
  for (const { method, request, done } of follower.node.forwarded.splice(0))
    served.serve({ member: 77n, method, request }, done);
  await turns();
}

async function through(name: string, request: Message): Promise<unknown> {
  const call = follower.call(name, request);
  await carry();
  const { status, response } = await call;
  return status ?? response;
}

const key = bytes('k');
const put = { request_put: { key, value: bytes('v') }, request: 'request_put' };
const range = (serializable = false): Message => ({
  request_range: { key, serializable },
  request: 'request_range',
});

describe('what only the leader can answer', () => {
  test('carries the member id of the node that the client is connected to, and the epoch of the leader', async () => {
    const { clusterId, epoch } = leader.context.store;
    const header = { cluster_id: clusterId, member_id: 77n, raft_term: epoch };
    expect(await through('KV.Put', { key, value: bytes('1') })).toMatchObject({
      header: { ...header, revision: 2 },
    });
    expect(await through('KV.Txn', { success: [put] })).toMatchObject({ succeeded: true, header });
    expect(await through('Lease.LeaseGrant', { TTL: 60, ID: 5n })).toMatchObject({ ID: 5n, TTL: 60, header });
    expect(await through('Lease.LeaseTimeToLive', { ID: 5n })).toMatchObject({ grantedTTL: 60, header });
    expect(await through('Lease.LeaseRevoke', { ID: 5n })).toMatchObject({ header });
    expect(await through('KV.Compact', { revision: 2 })).toMatchObject({ header });
    expect(await through('Maintenance.Alarm', { action: 1, memberID: 3n, alarm: 1 })).toMatchObject({
      alarms: [{ memberID: 3n, alarm: 1 }],
      header,
    });
    expect(await through('KV.DeleteRange', { key, prev_kv: true })).toMatchObject({
      deleted: 1,
      prev_kvs: [{ key, value: bytes('v') }],
      header: { ...header, revision: 4 },
    });
    expect(follower.context.store.revision).toBe(1);
  });

  test('fails as it does on the leader', async () => {
    follower.context.store.depose();
    for (const [name, request] of [
      ['KV.Put', { key: bytes('') }],
      ['KV.Put', { key, lease: 4n }],
      ['KV.Compact', { revision: 99 }],
      ['Lease.LeaseRevoke', { ID: 4n }],
      ['KV.Txn', { success: [put, put] }],
      // Only reads, but nothing that a node may answer by itself.
      ['KV.Txn', { success: [{ request_range: { key: bytes('') }, request: 'request_range' }] }],
    ] as const) {
      const { status } = await leader.call(name, request);
      expect(status).toBeDefined();
      expect(await through(name, request)).toEqual(status);
    }
  });

  test('is refused by the node itself when it cannot be decoded', async () => {
    for (const name of [
      'KV.Put',
      'KV.DeleteRange',
      'KV.Txn',
      'KV.Compact',
      'Lease.LeaseGrant',
      'Maintenance.Alarm',
    ]) {
      const { status } = await follower.callRaw(name, hex('ff'));
      expect(status).toEqual((await leader.callRaw(name, hex('ff'))).status);
      expect(status?.code).toBe(13);
    }
    expect((await follower.call('Maintenance.Alarm', { action: 9 })).status?.code).toBe(3);
    expect(follower.node.forwarded).toEqual([]);
  });
});

test('reads, and what is about the node, are not forwarded', async () => {
  for (const [name, request] of [
    ['KV.Range', { key }],
    ['KV.Txn', { success: [range()], failure: [range(true)] }],
    ['Lease.LeaseLeases', {}],
    ['Maintenance.Status', {}],
    ['Maintenance.HashKV', {}],
    ['Maintenance.Hash', {}],
    ['Maintenance.Defragment', {}],
    ['Cluster.MemberList', { linearizable: true }],
  ] as const) {
    expect((await follower.call(name, request)).status).toBeUndefined();
  }
  expect(follower.node.forwarded).toEqual([]);
});

test('a node that has come to lead answers itself from then on', async () => {
  follower.node.leads = true;
  expect((await follower.call('KV.Put', { key })).response).toMatchObject({
    header: { member_id: 1n, revision: 2 },
  });
  expect(follower.node.forwarded).toEqual([]);
});

describe('the side of the leader', () => {
  const ask = (
    world: ServiceWorld,
    method: string,
    request: Uint8Array = Buffer.alloc(0),
  ): Promise<ForwardedAnswer> =>
    new Promise((resolve) => world.forwarded().serve({ member: 2n, method, request }, resolve));

  test.each([
    '/etcdserverpb.KV/Range',
    '/etcdserverpb.Watch/Watch',
    '/etcdserverpb.Maintenance/MoveLeader',
    '/x',
    '',
  ])('serves nothing that is not forwarded: %s', async (method) => {
    expect(await ask(leader, method)).toMatchObject({ code: 12 });
  });

  test('refuses what it does not lead any more, and forwards nothing', async () => {
    leader.context.store.depose();
    leader.node.leads = false;
    const answer = await ask(leader, '/etcdserverpb.KV/Put', hex('0a016b'));
    expect(answer.code).toBe(14);
    expect(leader.node.forwarded).toEqual([]);
  });

  test('refuses what cannot be decoded', async () => {
    expect(await ask(leader, '/etcdserverpb.KV/Put', hex('ff'))).toMatchObject({ code: 13 });
  });

  test('serves from the store that has taken the place of another', async () => {
    const served = leader.forwarded();
    const asked = (): Promise<ForwardedAnswer> =>
      new Promise((resolve) =>
        served.serve({ member: 2n, method: '/etcdserverpb.KV/Put', request: hex('0a016b') }, resolve),
      );
    await asked();
    const other = await ServiceWorld.open();
    leader.context.store = other.context.store;
    await asked();
    expect(other.context.store.revision).toBe(2);
    expect(served.served).toBe(2);
  });

  test('promise 8: does not keep the store in whose place another came', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const served = leader.forwarded();
    const { store } = leader.context;
    // Stands for a store that nothing else holds on to.
    const replaced = new WeakRef(
      new Proxy(store, { get: (real, name): unknown => Reflect.get(real, name, real) }),
    );
    leader.context.store = replaced.deref() ?? store;
    served.serve({ member: 2n, method: '/etcdserverpb.Nothing/Here', request: hex('') }, () => undefined);
    expect(leader.context.store).not.toBe(store);
    leader.context.store = store;
    for (let i = 0; i < 50 && replaced.deref() !== undefined; i++) {
      await turns();
      collect();
    }
    expect(replaced.deref()).toBe(undefined);
    expect(served.served).toBe(1);
  });

  test('a bug answers its call and is reported', async () => {
    const bug = new Error('a bug');
    const faults: unknown[] = [];
    leader.context.store.put = () => {
      throw bug;
    };
    const answer = await new Promise<ForwardedAnswer>((resolve) =>
      leader
        .forwarded((error) => faults.push(error))
        .serve({ member: 2n, method: '/etcdserverpb.KV/Put', request: hex('0a016b') }, resolve),
    );
    expect(answer.code).toBe(13);
    expect(faults).toEqual([bug]);
  });
});

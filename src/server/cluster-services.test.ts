/** Goal: what a member tells of its cluster, in all roles. Method: a fake node, a real store; texts are etcd's. */
import { beforeEach, describe, expect, test } from 'vitest';
import { ServiceWorld } from '../../test/support/service-world.ts';
import { turns } from '../../test/property/store-world.ts';
import { bytes } from '../../test/support/server.ts';

let world: ServiceWorld;
beforeEach(async () => {
  world = await ServiceWorld.open();
  world.node.all = [
    { id: 1n, name: 'a', peerUrls: ['http://a:2380'], clientUrls: ['http://a:2379', 'http://a:4001'] },
    { id: 2n, name: 'b', peerUrls: ['http://b:2380'], clientUrls: ['http://b:2379'] },
  ];
});

const status = async (name: string, request = {}): Promise<unknown> =>
  (await world.call(name, request)).status;

describe('members', () => {
  test('are listed with their URLs, under a header without revision', async () => {
    const { response } = await world.call('Cluster.MemberList', { linearizable: true });
    expect(response).toMatchObject({
      header: { member_id: 1n, revision: 0 },
      members: [
        { ID: 1n, name: 'a', peerURLs: ['http://a:2380'], clientURLs: ['http://a:2379', 'http://a:4001'] },
        { ID: 2n, name: 'b', peerURLs: ['http://b:2380'], clientURLs: ['http://b:2379'], isLearner: false },
      ],
    });
  });

  test('are listed in the order of their ids, as by etcd', async () => {
    world.node.all = [3n, 2n ** 64n - 1n, 1n].map((id) => ({ id, name: 'x', peerUrls: [], clientUrls: [] }));
    const { response } = await world.call('Cluster.MemberList');
    expect((response?.['members'] as { ID: bigint }[]).map(({ ID }) => ID)).toEqual([1n, 3n, 2n ** 64n - 1n]);
  });

  test('a linearizable list needs a leader, another does not', async () => {
    world.context.store.depose();
    expect(await status('Cluster.MemberList', { linearizable: true })).toMatchObject({ code: 14 });
    expect(await status('Cluster.MemberList', { linearizable: false })).toBeUndefined();
  });

  test('come and go by themselves: what is wrong is said as etcd says it, the rest is not implemented', async () => {
    const bad = { code: 3, message: 'etcdserver: given member URLs are invalid' };
    expect(await status('Cluster.MemberAdd', { peerURLs: [] })).toEqual(bad);
    expect(await status('Cluster.MemberAdd', { peerURLs: ['http://c'] })).toEqual(bad);
    expect(await status('Cluster.MemberAdd', { peerURLs: ['http://b:2380'] })).toEqual({
      code: 9,
      message: 'etcdserver: Peer URLs already exists',
    });
    expect(await status('Cluster.MemberAdd', { peerURLs: ['http://c:2380'] })).toMatchObject({ code: 12 });
    const unknown = { code: 5, message: 'etcdserver: member not found' };
    expect(await status('Cluster.MemberRemove', { ID: 9n })).toEqual(unknown);
    expect(await status('Cluster.MemberRemove', { ID: 2n })).toMatchObject({ code: 12 });
    expect(await status('Cluster.MemberUpdate', { ID: 9n, peerURLs: [] })).toEqual(unknown);
    expect(await status('Cluster.MemberUpdate', { ID: 2n, peerURLs: [] })).toMatchObject({ code: 12 });
    expect(await status('Cluster.MemberPromote', { ID: 9n })).toEqual(unknown);
    expect(await status('Cluster.MemberPromote', { ID: 2n })).toEqual({
      code: 9,
      message: 'etcdserver: can only promote a learner member',
    });
    world.node.all = world.node.all.slice(0, 1);
    expect(await status('Cluster.MemberRemove', { ID: 1n })).toMatchObject({
      message: 'etcdserver: re-configuration failed due to not enough started members',
    });
  });
});

describe('Status', () => {
  test('of a member that follows names the leader', async () => {
    world.node.leads = false;
    world.node.leaderId = 2n;
    const { response } = await world.call('Maintenance.Status');
    expect(response).toMatchObject({ header: { member_id: 1n }, leader: 2n, errors: [] });
  });

  test('of a member without a leader says so', async () => {
    world.node.loseLeader();
    const { response } = await world.call('Maintenance.Status');
    expect(response).toMatchObject({ leader: 0n, errors: ['etcdserver: no leader'] });
  });
});

describe('MoveLeader', () => {
  test('is for the leader', async () => {
    world.node.leads = false;
    expect(await status('Maintenance.MoveLeader', { targetID: 2n })).toEqual({
      code: 9,
      message: 'etcdserver: not leader',
    });
    expect(world.node.moves).toEqual([]);
  });

  test('moves to members only, and to the leader at once', async () => {
    expect(await status('Maintenance.MoveLeader', { targetID: 9n })).toEqual({
      code: 9,
      message: 'etcdserver: bad leader transferee',
    });
    expect(await status('Maintenance.MoveLeader', { targetID: 1n })).toBeUndefined();
    expect(world.node.moves).toEqual([]);
  });

  test('answers when the other leads, or with what went wrong', async () => {
    const moved = world.call('Maintenance.MoveLeader', { targetID: 2n });
    world.node.moves.shift()!.done(undefined);
    expect(await moved).toEqual({ response: { header: null } });
    const failed = world.call('Maintenance.MoveLeader', { targetID: 2n });
    world.node.moves.shift()!.done('Timeout');
    expect((await failed).status).toEqual({
      code: 2,
      message: 'etcdserver: request timed out, leader transfer took too long',
    });
    const refused = world.call('Maintenance.MoveLeader', { targetID: 2n });
    world.node.moves.shift()!.done('BadLeaderTransferee');
    expect((await refused).status).toEqual({ code: 9, message: 'etcdserver: bad leader transferee' });
  });
});

describe('watches', () => {
  test('that asked for a leader end when it is lost, others go on', async () => {
    const [first, second, other] = [{ hasleader: 'true' }, { hasleader: 'true' }, {}].map((metadata) =>
      world.open('Watch.Watch', metadata),
    ) as [
      ReturnType<ServiceWorld['open']>,
      ReturnType<ServiceWorld['open']>,
      ReturnType<ServiceWorld['open']>,
    ];
    for (const stream of [first, second, other])
      stream.say({ create_request: { key: bytes('k') }, request_union: 'create_request' });
    second.cancel();
    expect(world.context.leaderLost.size).toBe(1);
    world.node.loseLeader();
    expect(first.status).toEqual({ code: 14, message: 'etcdserver: no leader' });
    expect([second.status, other.status]).toEqual([undefined, undefined]);
    world.node.leads = true;
    await world.call('KV.Put', { key: bytes('k') });
    await turns();
    expect([first, second, other].map(({ sent }) => sent.length)).toEqual([1, 1, 2]);
    expect(world.context.hub.statistics().streams).toBe(1);
  });

  test('whose store was replaced end with what makes clients go on elsewhere', () => {
    const stream = world.open('Watch.Watch', { hasleader: 'true' });
    world.context.hub.close('replaced');
    expect(stream.status).toMatchObject({ code: 14 });
    expect(stream.status?.message).not.toBe('etcdserver: no leader');
  });
});

/**
 * Goal: three servers on one store are one etcd to their clients. Method: servers in this process, on the fake TiKV, called
 * by grpc-js; one of them leads, which one is asked of Status. The lease is so long that a leader leads until a test has
 * another one lead: nothing here waits for its end, and a busy machine does not miss its renewals.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { bytes, hex, httpGet, startTestServer, type TestServer } from '../support/server.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';

const LEASE_MS = 30_000;

let tikv: FakeCluster;
let servers: TestServer[] = [];

beforeAll(async () => {
  tikv = await FakeCluster.start();
  servers = await Promise.all(['a', 'b', 'c'].map(start));
  for (const { client } of servers) {
    await eventually(async () => membersOf(await client.call('Cluster.MemberList', {})).length === 3);
  }
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await tikv.close();
});

function start(name: string): Promise<TestServer> {
  return startTestServer({
    name,
    engine: 'tikv',
    tikvPd: [...tikv.pd],
    listenPeerUrls: ['http://127.0.0.1:0'],
    tikvGc: 'off',
    leaderLease: LEASE_MS,
  });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

interface Roles {
  readonly leader: TestServer;
  readonly followers: readonly TestServer[];
  readonly ids: ReadonlyMap<TestServer, bigint>;
}

/** Who leads, once all say the same. */
async function roles(): Promise<Roles> {
  const ids = new Map<TestServer, bigint>();
  let leader: TestServer | undefined;
  await eventually(async () => {
    const leaders = new Set<bigint>();
    for (const server of servers) {
      const status = await server.client.call('Maintenance.Status', {});
      ids.set(server, headerOf(status).member_id);
      leaders.add(status['leader'] as bigint);
    }
    leader = servers.find((server) => leaders.has(ids.get(server)!));
    return leaders.size === 1 && leader !== undefined;
  });
  return { leader: leader!, followers: servers.filter((each) => each !== leader), ids };
}

function headerOf(response: Message): { readonly member_id: bigint; readonly revision: number } {
  return response['header'] as { member_id: bigint; revision: number };
}

function membersOf(response: Message): readonly unknown[] {
  return response['members'] as unknown[];
}

function valueOf(event: Message, field: 'kv' | 'prev_kv'): string {
  return String((event[field] as Message)['value']);
}

const failure = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe('a follower', () => {
  test('promise 4: has the leader write, and reads what was written through any member', async () => {
    const { followers, leader, ids } = await roles();
    const [one, other] = followers as readonly [TestServer, TestServer];
    for (let i = 0; i < 20; i++) {
      const value = bytes(`${i}`);
      const put = await one.client.call('KV.Put', { key: bytes('k'), value });
      expect(headerOf(put).member_id).toBe(ids.get(one));
      for (const server of [other, leader, one]) {
        const range = await server.client.call('KV.Range', { key: bytes('k') });
        expect(range).toMatchObject({ kvs: [{ value, mod_revision: headerOf(put).revision }] });
        expect(headerOf(range).member_id).toBe(ids.get(server));
      }
    }
  });

  test('promise 5: watches what is written elsewhere, in order, with what was there before', async () => {
    const { followers, leader } = await roles();
    const [one, other] = followers as readonly [TestServer, TestServer];
    const found = await leader.client.call('KV.Range', { key: bytes('w') });
    const stream = one.client.open('Watch.Watch', { metadata: { hasleader: 'true' } });
    const start_revision = headerOf(found).revision + 1;
    stream.send({
      create_request: { key: bytes('w'), range_end: bytes('x'), prev_kv: true, start_revision },
      request_union: 'create_request',
    });
    expect(await stream.next()).toMatchObject({ created: true });
    for (let i = 0; i < 10; i++) {
      await (i % 2 === 0 ? leader : other).client.call('KV.Put', { key: bytes('w'), value: bytes(`${i}`) });
    }
    const events: Message[] = [];
    while (events.length < 10) events.push(...((await stream.next())['events'] as Message[]));
    expect(events.map((event) => valueOf(event, 'kv'))).toEqual([...Array(10).keys()].map(String));
    expect(events.slice(1).map((event) => valueOf(event, 'prev_kv'))).toEqual(
      [...Array(9).keys()].map(String),
    );
    stream.cancel();
  });

  test('keeps leases alive through the leader, in the order asked', async () => {
    const { followers } = await roles();
    const [one] = followers as readonly [TestServer];
    const { ID } = await one.client.call('Lease.LeaseGrant', { TTL: 60 });
    const stream = one.client.open('Lease.LeaseKeepAlive');
    for (const each of [ID, 4711n, ID, 4712n]) stream.send({ ID: each as bigint });
    for (const each of [ID, 4711n, ID, 4712n])
      expect(await stream.next()).toMatchObject({ ID: each as bigint });
    stream.halfClose();
    expect(await stream.status).toMatchObject({ code: 0 });
    expect(await one.client.call('Lease.LeaseTimeToLive', { ID })).toMatchObject({ grantedTTL: 60 });
    await one.client.call('Lease.LeaseRevoke', { ID });
  });

  test('refuses as the leader does', async () => {
    const { followers, leader } = await roles();
    const [one] = followers as readonly [TestServer];
    for (const [name, request] of [
      ['KV.Put', { key: bytes('') }],
      ['KV.Put', { key: bytes('k'), lease: 4711n }],
      ['KV.Compact', { revision: 1e9 }],
      ['KV.Range', { key: bytes('k'), revision: 1e9 }],
      ['Lease.LeaseRevoke', { ID: 4711n }],
    ] as const) {
      const { code, message } = (await failure(leader.client.call(name, request))) as Message;
      expect(code).toBeGreaterThan(0);
      expect(await failure(one.client.call(name, request))).toMatchObject({ code, message });
    }
    expect(await failure(one.client.raw('/etcdserverpb.KV/Put', hex('ff')))).toMatchObject({ code: 13 });
  });

  test('outlives clients that give up', async () => {
    const { followers } = await roles();
    const [one] = followers as readonly [TestServer];
    const calls = Array.from({ length: 200 }, (_, i) =>
      failure(one.client.call('KV.Put', { key: bytes(`gone${i}`) }, { deadlineMs: i % 10 })),
    );
    await Promise.all(calls);
    await one.client.call('KV.Put', { key: bytes('k') });
  });
});

describe('members', () => {
  test('are the same on each, with their client URLs', async () => {
    const { ids } = await roles();
    const expected = servers
      .map((each, i) => ({ ID: ids.get(each)!, name: 'abc'[i], clientURLs: [each.clientUrl] }))
      .sort((a, b) => (a.ID < b.ID ? -1 : 1));
    for (const server of servers) {
      const { members } = await server.client.call('Cluster.MemberList', { linearizable: true });
      expect(members).toMatchObject(expected);
    }
  });

  test('show their roles in metrics, and are healthy', async () => {
    const { leader } = await roles();
    for (const server of servers) {
      const { body } = await httpGet(`${server.metricsUrl}/metrics`);
      expect(body).toContain('etcd_server_has_leader 1\n');
      expect(body).toContain(`etcd_server_is_leader ${server === leader ? 1 : 0}\n`);
      expect(body).toMatch(/etcd_server_leader_changes_seen_total [1-9]/);
      for (const path of ['/health', '/livez', '/readyz'])
        expect((await httpGet(server.metricsUrl + path)).status).toBe(200);
    }
  });

  test('show in metrics what goes between them, by the id of the other one', async () => {
    const { leader, followers, ids } = await roles();
    const idOf = (server: TestServer): string => ids.get(server)!.toString(16);
    const samples = async (server: TestServer, name: string, other: TestServer): Promise<number> => {
      const { body } = await httpGet(`${server.metricsUrl}/metrics`);
      const label = name.includes('received') ? 'From' : 'To';
      return Number(new RegExp(`^${name}\\{${label}="${idOf(other)}"\\} (\\S+)$`, 'm').exec(body)?.[1]);
    };
    for (const server of servers) {
      const { body } = await httpGet(`${server.metricsUrl}/metrics`);
      const known = [...body.matchAll(/^etcd_network_known_peers\{Local="(\w+)",Remote="(\w+)"\} 1$/gm)];
      expect(known.map(([, local, remote]) => `${local} ${remote}`).sort()).toEqual(
        servers.map((other) => `${idOf(server)} ${idOf(other)}`).sort(),
      );
    }
    await leader.client.call('KV.Put', { key: bytes('measured'), value: Buffer.alloc(10_000) });
    for (const follower of followers) {
      for (const [one, other] of [
        [leader, follower],
        [follower, leader],
      ] as const) {
        const count = 'etcd_network_peer_round_trip_time_seconds_count';
        await eventually(async () => (await samples(one, count, other)) > 0);
        expect(await samples(one, 'etcd_network_peer_round_trip_time_seconds_sum', other)).toBeLessThan(60);
      }
      const [sent, received] = [
        'etcd_network_peer_sent_bytes_total',
        'etcd_network_peer_received_bytes_total',
      ];
      await eventually(async () => (await samples(leader, sent, follower)) > 10_000);
      await eventually(async () => (await samples(follower, received, leader)) > 10_000);
      await eventually(async () => (await samples(follower, sent, leader)) > 0);
    }
  });

  test('hand the lead over when they are asked to, and only then', async () => {
    const { leader, followers, ids } = await roles();
    const [one] = followers as readonly [TestServer];
    const target = { targetID: ids.get(one)! };
    expect(await failure(one.client.call('Maintenance.MoveLeader', target))).toMatchObject({
      code: 9,
      message: 'etcdserver: not leader',
    });
    expect(await failure(leader.client.call('Maintenance.MoveLeader', { targetID: 1n }))).toMatchObject({
      code: 9,
      message: 'etcdserver: bad leader transferee',
    });
    expect(await leader.client.call('Maintenance.MoveLeader', target)).toEqual({ header: null });
    expect((await roles()).leader).toBe(one);
    await leader.client.call('KV.Put', { key: bytes('k'), value: bytes('moved') });
    expect(await one.client.call('KV.Range', { key: bytes('k') })).toMatchObject({
      kvs: [{ value: bytes('moved') }],
    });
  });
});

test('a leader that stops hands over: writes go on, watches of others miss nothing, and nobody waits for its lease to end', async () => {
  const { leader, followers } = await roles();
  const [one, other] = followers as readonly [TestServer, TestServer];
  const found = await one.client.call('KV.Range', { key: bytes('s') });
  const stream = one.client.open('Watch.Watch', { metadata: { hasleader: 'true' } });
  stream.send({
    create_request: { key: bytes('s'), start_revision: headerOf(found).revision + 1 },
    request_union: 'create_request',
  });
  await stream.next();
  await other.client.call('KV.Put', { key: bytes('s'), value: bytes('before') });
  const startedMs = performance.now();
  const stopped = leader.close();
  await other.client.call('KV.Put', { key: bytes('s'), value: bytes('after') });
  await stopped;
  expect(performance.now() - startedMs).toBeLessThan(LEASE_MS / 2);
  servers = servers.filter((each) => each !== leader);
  const seen: string[] = [];
  while (seen.length < 2)
    seen.push(...((await stream.next())['events'] as Message[]).map((event) => valueOf(event, 'kv')));
  expect(seen).toEqual(['before', 'after']);
  expect((await roles()).followers).toHaveLength(1);
});

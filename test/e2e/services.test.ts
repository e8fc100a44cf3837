/** Goal: Lease, Maintenance, Cluster and health on the wire. Method: a server in this process, called by grpc-js. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Message } from '../support/client.ts';
import { bytes, hex, startTestServer, type TestServer } from '../support/server.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ name: 'n1', quotaBackendBytes: 64 * 2 ** 20 });
});
afterAll(() => it.close());

const call = (name: string, request: Message = {}): Promise<Message> => it.client.call(name, request);
const failure = (name: string, request: Message = {}): Promise<unknown> =>
  call(name, request).then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe('leases', () => {
  test('are granted, kept alive, looked at, listed and revoked with their keys', async () => {
    const { ID, TTL } = await call('Lease.LeaseGrant', { TTL: 60 });
    expect(TTL).toBe(60);
    await call('KV.Put', { key: bytes('leased'), lease: ID as bigint });
    const stream = it.client.open('Lease.LeaseKeepAlive');
    for (let i = 0; i < 3; i++) stream.send({ ID: ID as bigint });
    stream.send({ ID: 4711n });
    for (let i = 0; i < 3; i++) expect(await stream.next()).toMatchObject({ ID, TTL: 60 });
    expect(await stream.next()).toMatchObject({ ID: 4711n, TTL: 0 });
    stream.halfClose();
    expect(await stream.status).toMatchObject({ code: 0 });
    expect(await call('Lease.LeaseTimeToLive', { ID: ID as bigint, keys: true })).toMatchObject({
      grantedTTL: 60,
      keys: [bytes('leased')],
    });
    expect(await call('Lease.LeaseLeases')).toMatchObject({ leases: [{ ID }] });
    const revoked = await call('Lease.LeaseRevoke', { ID: ID as bigint });
    expect((revoked['header'] as Message)['revision']).toBe(it.server.store.revision);
    expect(await call('KV.Range', { key: bytes('leased') })).toMatchObject({ count: 0 });
    expect(await call('Lease.LeaseTimeToLive', { ID: ID as bigint })).toMatchObject({
      TTL: -1,
      grantedTTL: 0,
    });
  });

  test('fail as in etcd', async () => {
    await call('Lease.LeaseGrant', { TTL: 60, ID: 7n });
    expect(await failure('Lease.LeaseGrant', { TTL: 60, ID: 7n })).toMatchObject({
      code: 9,
      message: 'etcdserver: lease already exists',
    });
    expect(await failure('Lease.LeaseGrant', { TTL: 9_000_000_001 })).toMatchObject({
      code: 11,
      message: 'etcdserver: too large lease TTL',
    });
    const unknown = { code: 5, message: 'etcdserver: requested lease not found' };
    expect(await failure('Lease.LeaseRevoke', { ID: 8n })).toMatchObject(unknown);
    expect(await failure('KV.Put', { key: bytes('k'), lease: 8n })).toMatchObject(unknown);
    const shortest = await call('Lease.LeaseGrant', { TTL: -5 });
    expect(shortest).toMatchObject({ TTL: 2 });
    // Its end would be a write in the midst of another test.
    await call('Lease.LeaseRevoke', { ID: shortest['ID'] as bigint });
  });

  test('keep-alives that are no message end the stream', async () => {
    const stream = it.client.open('Lease.LeaseKeepAlive');
    stream.sendRaw(hex('ff'));
    expect(await stream.status).toMatchObject({ code: 13 });
  });
});

describe('maintenance', () => {
  test('Status tells version, sizes, epoch and leader', async () => {
    const status = await call('Maintenance.Status');
    const header = status['header'] as Message;
    expect(status).toMatchObject({
      version: '3.7.3',
      storageVersion: '3.7.0',
      leader: header['member_id'] as bigint,
      raftTerm: it.server.store.epoch,
      raftIndex: it.server.store.sequence,
      raftAppliedIndex: it.server.store.sequence,
      dbSizeQuota: 64 * 2 ** 20,
      errors: [],
      isLearner: false,
    });
    expect(header['raft_term']).toBe(it.server.store.epoch);
    expect(status['dbSizeInUse']).toBeGreaterThan(0);
  });

  test('alarms stop what etcd stops, and nothing else', async () => {
    await call('Maintenance.Alarm', { action: 1, memberID: 77n, alarm: 1 });
    expect(await call('Maintenance.Alarm')).toMatchObject({ alarms: [{ memberID: 77n, alarm: 1 }] });
    expect((await call('Maintenance.Status'))['errors']).toEqual(['memberID:77 alarm:NOSPACE']);
    const full = { code: 8, message: 'etcdserver: mvcc: database space exceeded' };
    expect(await failure('KV.Put', { key: bytes('k') })).toMatchObject(full);
    expect(await failure('Lease.LeaseGrant', { TTL: 60 })).toMatchObject(full);
    await call('KV.Range', { key: bytes('k') });
    await call('KV.DeleteRange', { key: bytes('k') });
    await call('Maintenance.Alarm', { action: 2, memberID: 77n, alarm: 1 });
    await call('KV.Put', { key: bytes('k') });
    expect(await failure('Maintenance.Alarm', { action: 9 })).toMatchObject({ code: 3 });
    // A type that nobody knows is kept and shown, and refuses nothing.
    await call('Maintenance.Alarm', { action: 1, alarm: 9 });
    expect(await call('Maintenance.Alarm')).toMatchObject({ alarms: [{ alarm: 9 }] });
    await call('KV.Put', { key: bytes('k') });
    await call('Maintenance.Alarm', { action: 2, alarm: 9 });
  });

  test('hashes are equal for the same history', async () => {
    const first = await call('Maintenance.HashKV');
    expect(await call('Maintenance.HashKV')).toMatchObject({ hash: first['hash'], compact_revision: -1 });
    await call('KV.Put', { key: bytes('k') });
    expect((await call('Maintenance.HashKV'))['hash']).not.toBe(first['hash']);
    const { revision } = first['header'] as { revision: number };
    expect(await call('Maintenance.HashKV', { revision })).toMatchObject({
      hash: first['hash'],
      hash_revision: revision,
    });
    expect(await failure('Maintenance.HashKV', { revision: 1e9 })).toMatchObject({ code: 11 });
    expect(typeof (await call('Maintenance.Hash'))['hash']).toBe('number');
  });

  test('Defragment and MoveLeader answer without a header', async () => {
    expect(await call('Maintenance.Defragment')).toEqual({ header: null });
    const { leader } = await call('Maintenance.Status');
    expect(await call('Maintenance.MoveLeader', { targetID: leader as bigint })).toEqual({ header: null });
    expect(await failure('Maintenance.MoveLeader', { targetID: 5n })).toMatchObject({
      code: 9,
      message: 'etcdserver: bad leader transferee',
    });
  });

  test('what is not there yet says so', async () => {
    const snapshot: unknown = await it.client
      .collect('Maintenance.Snapshot', {})
      .catch((error: unknown) => error);
    expect(snapshot).toMatchObject({ code: 12 });
    expect(await failure('Maintenance.Downgrade', { action: 0, version: 'x' })).toMatchObject({
      code: 3,
      message: 'etcdserver: wrong downgrade target version format',
    });
    expect(await failure('Maintenance.Downgrade', { action: 1, version: '3.6.0' })).toMatchObject({
      code: 3,
      message: 'etcdserver: invalid downgrade target version',
    });
    expect(await call('Maintenance.Downgrade', { action: 2 })).toMatchObject({ version: '3.7' });
    expect(await failure('Maintenance.Downgrade', { action: 9 })).toMatchObject({ code: 2 });
  });
});

describe('cluster', () => {
  test('has one member, whose URL is where it listens; the header has no revision', async () => {
    const list = await call('Cluster.MemberList');
    expect(list).toMatchObject({
      header: { revision: 0, raft_term: it.server.store.epoch },
      members: [{ name: 'n1', clientURLs: [it.clientUrl], isLearner: false }],
    });
  });

  test('does not change', async () => {
    const list = await call('Cluster.MemberList');
    const self = (list['members'] as Message[])[0]?.['ID'] as bigint;
    const notFound = { code: 5, message: 'etcdserver: member not found' };
    for (const method of ['MemberRemove', 'MemberPromote', 'MemberUpdate']) {
      expect(await failure(`Cluster.${method}`, { ID: 5n })).toMatchObject(notFound);
    }
    expect(await failure('Cluster.MemberRemove', { ID: self })).toMatchObject({
      code: 2,
      message: 'etcdserver: re-configuration failed due to not enough started members',
    });
    expect(await failure('Cluster.MemberPromote', { ID: self })).toMatchObject({
      code: 9,
      message: 'etcdserver: can only promote a learner member',
    });
    expect(await failure('Cluster.MemberAdd', { peerURLs: ['nonsense'] })).toMatchObject({
      code: 3,
      message: 'etcdserver: given member URLs are invalid',
    });
    expect(await failure('Cluster.MemberAdd', { peerURLs: ['http://1.2.3.4:2380'] })).toMatchObject({
      code: 12,
    });
  });
});

describe('grpc.health.v1', () => {
  test('knows the whole server and no service', async () => {
    expect(await call('grpc.health.v1.Health.Check')).toEqual({ status: 1 });
    expect(await failure('grpc.health.v1.Health.Check', { service: 'x' })).toMatchObject({
      code: 5,
      message: 'unknown service',
    });
  });
});

describe('services of later versions', () => {
  test.each(['etcdserverpb.Auth/AuthStatus', 'v3lockpb.Lock/Lock', 'v3electionpb.Election/Leader'])(
    '%s is unknown',
    async (path) => {
      await expect(it.client.raw(`/${path}`, Buffer.alloc(0))).rejects.toMatchObject({
        code: 12,
        message: `unknown service ${path.split('/')[0]!}`,
      });
    },
  );
});

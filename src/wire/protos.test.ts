import { describe, expect, test } from 'vitest';
import { WireError } from './errors.ts';
import { codecOf, serviceDefinition, serviceNames } from './protos.ts';

describe('services', () => {
  test('all of them are there', () => {
    expect(serviceNames().sort()).toEqual([
      'etcdserverpb.Auth',
      'etcdserverpb.Cluster',
      'etcdserverpb.KV',
      'etcdserverpb.Lease',
      'etcdserverpb.Maintenance',
      'etcdserverpb.Watch',
      'grpc.health.v1.Health',
      'v3electionpb.Election',
      'v3lockpb.Lock',
    ]);
  });

  test('a method is known by path, streaming and types', () => {
    expect(serviceDefinition('etcdserverpb.KV')['RangeStream']).toEqual({
      path: '/etcdserverpb.KV/RangeStream',
      requestStream: false,
      responseStream: true,
      requestType: 'etcdserverpb.RangeRequest',
      responseType: 'etcdserverpb.RangeStreamResponse',
    });
    expect(serviceDefinition('grpc.health.v1.Health')['Check']?.requestType).toBe(
      'grpc.health.v1.HealthCheckRequest',
    );
  });

  test('every method has codecs for its types', () => {
    for (const service of serviceNames()) {
      for (const method of Object.values(serviceDefinition(service))) {
        expect(codecOf(method.requestType).encode({})).toHaveLength(0);
        expect(codecOf(method.responseType).encode({})).toHaveLength(0);
      }
    }
  });

  test('a name that is not there is a bug', () => {
    expect(() => codecOf('etcdserverpb.Nothing')).toThrow('Cannot find message');
    expect(() => serviceDefinition('etcdserverpb.RangeRequest')).toThrow('Cannot find service');
  });
});

describe('cold messages', () => {
  test('ids keep their 64 bits, other numbers are numbers, zeros are not written', () => {
    const codec = codecOf('etcdserverpb.StatusResponse');
    const header = { cluster_id: 2n ** 64n - 1n, member_id: 2n ** 63n, revision: 5, raft_term: 0 };
    const bytes = codec.encode({
      header,
      dbSize: 2 ** 40,
      leader: 2n ** 63n + 1n,
      raftIndex: 0,
      version: '',
    });
    expect(codec.decode(bytes)).toMatchObject({
      header,
      dbSize: 2 ** 40,
      leader: 2n ** 63n + 1n,
      raftIndex: 0,
    });
    expect(codec.encode({ dbSize: 0, leader: 0n, version: '', isLearner: false, errors: [] })).toHaveLength(
      0,
    );
  });

  test('negative ids and repeated messages', () => {
    const codec = codecOf('etcdserverpb.LeaseLeasesResponse');
    const leases = [{ ID: -1n }, { ID: 1n }, { ID: 0n }];
    expect(codec.decode(codec.encode({ leases })).leases).toEqual(leases);
    expect(codec.encode({ leases: [{ ID: 0n }] }).toString('hex')).toBe('1200');
  });

  test('what encode is given stays as it was', () => {
    const message = { header: { cluster_id: 1n, member_id: 0n, revision: 3, raft_term: 0 } };
    codecOf('etcdserverpb.AlarmResponse').encode(message);
    expect(message).toEqual({ header: { cluster_id: 1n, member_id: 0n, revision: 3, raft_term: 0 } });
  });

  test('promise 9: malformed bytes are a WireError', () => {
    expect(() => codecOf('etcdserverpb.AuthenticateRequest').decode(Buffer.from('0aff', 'hex'))).toThrow(
      WireError,
    );
  });
});

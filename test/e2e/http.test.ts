/** Goal: probes and metrics. The bodies and headers are those that etcd 3.7.3 answers with. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes, httpGet, startTestServer, type HttpResult, type TestServer } from '../support/server.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(() => it.close());

const get = (path: string): Promise<HttpResult> => httpGet(`${it.metricsUrl}${path}`);
const getFromClients = (path: string): Promise<HttpResult> => httpGet(`${it.clientUrl}${path}`);
const alarm = (action: number, kind: number, memberID = 7n): Promise<unknown> =>
  it.client.call('Maintenance.Alarm', { action, memberID, alarm: kind });
const alarmSamples = async (): Promise<string[]> =>
  [...(await get('/metrics')).body.matchAll(/^engram_alarms(.*)$/gm)].map((match) => match[1]!);

describe('healthy', () => {
  test.each([
    ['/health', '{"health":"true","reason":""}'],
    ['/health?serializable=true', '{"health":"true","reason":""}'],
    ['/livez', 'ok\n'],
    ['/livez?verbose', '[+]serializable_read ok\nok\n'],
    ['/livez/serializable_read', 'ok\n'],
    ['/readyz', 'ok\n'],
    ['/readyz/linearizable_read?verbose', '[+]linearizable_read ok\nok\n'],
    ['/readyz/data_corruption', 'ok\n'],
    [
      '/readyz?verbose&exclude=non_learner&exclude=unknown',
      '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n',
    ],
  ])('%s, on both ports', async (path, body) => {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    expect(await get(path)).toMatchObject({ status: 200, body, headers });
    expect(await getFromClients(path)).toMatchObject({ status: 200, body, headers });
  });

  test('/version is told to clients only', async () => {
    expect(JSON.parse((await getFromClients('/version')).body)).toEqual({
      etcdserver: '3.7.3',
      etcdcluster: '3.7.0',
      storage: '3.7.0',
    });
    expect((await get('/version')).status).toBe(404);
  });

  test('/debug/vars is told to clients only', async () => {
    expect(JSON.parse((await getFromClients('/debug/vars')).body)).toMatchObject({ cmdline: process.argv });
    expect((await get('/debug/vars')).status).toBe(404);
  });

  test('an escape that is none is a bad request', async () => {
    expect(await get('/%zz')).toMatchObject({ status: 400, body: '400 Bad Request' });
  });

  test.each(['/nothing', '/readyz/nothing', '/livez/linearizable_read', '/', '/healthz', '/%ff?%'])(
    '%s is not there',
    async (path) => {
      expect(await get(path)).toMatchObject({ status: 404, body: '404 page not found\n' });
    },
  );

  test.each(['/health', '/readyz', '/livez/serializable_read'])('POST %s is not allowed', async (path) => {
    expect(await httpGet(`${it.metricsUrl}${path}`, 'POST')).toMatchObject({
      status: 405,
      body: 'Method Not Allowed\n',
      headers: { allow: 'GET' },
    });
  });
});

describe('with alarms', () => {
  test('NOSPACE fails /health and not /readyz', async () => {
    await alarm(1, 1);
    expect(await get('/health')).toMatchObject({
      status: 503,
      body: '{"health":"false","reason":"ALARM NOSPACE"}\n',
    });
    expect(await get('/health?exclude=NOSPACE')).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toMatchObject({ status: 200 });
    expect(await alarmSamples()).toEqual(['{alarm="CORRUPT"} 0', '{alarm="NOSPACE"} 1']);
    await alarm(2, 1);
    expect(await alarmSamples()).toEqual(['{alarm="CORRUPT"} 0', '{alarm="NOSPACE"} 0']);
    expect(await get('/health')).toMatchObject({ status: 200 });
  });

  test('CORRUPT fails both', async () => {
    await alarm(1, 2);
    expect((await get('/health')).body).toBe('{"health":"false","reason":"ALARM CORRUPT"}\n');
    const ready = await get('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.body).toContain('[-]data_corruption failed: alarm activated: CORRUPT\n');
    expect((await get('/livez')).status).toBe(200);
    await alarm(1, 2, 8n);
    expect(await alarmSamples()).toEqual(['{alarm="CORRUPT"} 2', '{alarm="NOSPACE"} 0']);
    await alarm(2, 2, 8n);
    expect(await alarmSamples()).toEqual(['{alarm="CORRUPT"} 1', '{alarm="NOSPACE"} 0']);
    await alarm(2, 2);
    expect((await get('/readyz')).status).toBe(200);
  });
});

test('/metrics has the names that dashboards of etcd read', async () => {
  await it.client.call('KV.Put', { key: bytes('m'), value: bytes('v') });
  const { body, headers } = await get('/metrics');
  expect(headers['content-type']).toContain('text/plain');
  for (const name of [
    'etcd_server_has_leader 1',
    'etcd_server_leader_changes_seen_total',
    'etcd_mvcc_db_total_size_in_bytes',
    'etcd_mvcc_db_total_size_in_use_in_bytes',
    'etcd_server_quota_backend_bytes',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"}',
    'etcd_disk_backend_commit_duration_seconds_count',
    'etcd_network_client_grpc_sent_bytes_total',
    'etcd_server_proposals_committed_total',
    'grpc_server_started_total{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}',
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}',
    'process_resident_memory_bytes',
    'etcd_cluster_version{cluster_version="3.7"} 1',
    'etcd_server_proposals_pending 0',
    'etcd_server_proposals_failed_total 0',
    'etcd_server_health_failures',
    'etcd_server_read_indexes_failed_total 0',
    'etcd_server_slow_read_indexes_total 0',
    'etcd_mvcc_put_total',
    'etcd_mvcc_delete_total',
    'etcd_mvcc_range_total',
    'etcd_mvcc_txn_total',
  ]) {
    expect(body).toContain(`\n${name}`);
  }
  expect(body).toContain(`etcd_debugging_mvcc_current_revision ${it.server.store.revision}\n`);
});

test('/health is counted, by what it says', async () => {
  const counted = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await get('/metrics')).body)?.[1]);
  const before = await counted('etcd_server_health_success');
  expect((await get('/health')).status).toBe(200);
  expect(await counted('etcd_server_health_success')).toBe(before + 1);
});

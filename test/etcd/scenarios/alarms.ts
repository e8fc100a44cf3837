import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const A = { key: bytes('a') };
const putOp = { request_put: { key: bytes('a'), value: bytes('2') } };
const [GET, ACTIVATE, DEACTIVATE] = [0, 1, 2];
const [NONE, NOSPACE, CORRUPT] = [0, 1, 2];

async function alarm(
  probe: Probe,
  action: number,
  type: number,
  memberID: string | number = 0,
): Promise<void> {
  const { message, error } = await probe.call('Maintenance.Alarm', { action, alarm: type, memberID });
  // In etcd they are in a map.
  const raised = (message['alarms'] as Message[] | undefined)?.map((each) =>
    JSON.stringify(probe.normal(each)),
  );
  probe.note(`alarm ${action} ${type} of ${memberID}`, error ?? { ...message, alarms: raised?.sort() });
}

const EITHER = [
  '/health?exclude=NOSPACE', '/health?exclude=CORRUPT', '/health?exclude=NOSPACE&exclude=CORRUPT', '/livez',
  '/readyz?verbose', '/livez?verbose',
]; // prettier-ignore
const PATHS = ['/health', '/health?serializable=true', ...EITHER];

/** Which calls are served. */
async function everything(probe: Probe, paths: readonly string[] = PATHS): Promise<void> {
  const calls: [string, Message][] = [
    ['KV.Range', A], ['KV.Range', { ...A, serializable: true }], ['KV.Put', { ...A, value: bytes('1') }],
    ['KV.Put', { ...A, lease: 999 }], ['KV.Txn', { success: [{ request_range: A }] }],
    ['KV.Txn', { success: [putOp] }], ['KV.Txn', { failure: [putOp] }], ['KV.Txn', {}],
    ['KV.Txn', { success: [{ request_txn: { success: [putOp] } }] }],
    ['KV.Txn', { success: [{ request_txn: { failure: [putOp] } }] }],
    ['KV.Txn', { success: [{ request_txn: { success: [{ request_range: A }] } }] }],
    ['KV.Txn', { success: [{ request_delete_range: { key: bytes('none') } }] }],
    ['KV.DeleteRange', { key: bytes('none') }], ['KV.Compact', { revision: 1_000_000 }],
    ['Lease.LeaseGrant', { ID: 71, TTL: 100 }], ['Lease.LeaseGrant', { TTL: 9_000_000_001 }],
    ['Lease.LeaseTimeToLive', { ID: 999 }], ['Lease.LeaseLeases', {}], ['Lease.LeaseRevoke', { ID: 71 }],
    ['Lease.LeaseRevoke', { ID: 70 }], ['Maintenance.Defragment', {}], ['Cluster.MemberPromote', { ID: 5 }],
    ['Cluster.MemberRemove', { ID: 5 }], ['Cluster.MemberUpdate', { ID: 5 }],
  ]; // prettier-ignore
  for (const [name, message] of calls) await probe.ask(name, message);
  for (const name of ['Maintenance.HashKV', 'Maintenance.Hash']) {
    const { error } = await probe.call(name);
    probe.note(name, error ?? 'served');
  }
  const { message, error } = await probe.call('Maintenance.Status');
  const texts = (message['errors'] as string[] | undefined)?.map((each) =>
    each.replace(/memberID:\d+ +/, 'memberID:N ').trim(),
  );
  // In etcd they are in a map.
  probe.note('Status', error ?? texts?.sort());
  const alive = probe.open('Lease.LeaseKeepAlive').send({ ID: 999 });
  await alive.expect('keep alive', 1);
  const watch = probe.open('Watch.Watch').send({ create_request: A });
  await watch.expect('watch', 1);
  for (const path of paths) await probe.http(path);
}

async function types(probe: Probe): Promise<void> {
  await probe.call('Lease.LeaseGrant', { ID: 70, TTL: 1000 });
  await probe.ask('KV.Put', { ...A, value: bytes('0') });
  for (const type of [NONE, NOSPACE, CORRUPT, 7, -1]) await alarm(probe, GET, type);
  for (const type of [NONE, 7, -1]) {
    await alarm(probe, ACTIVATE, type);
    await alarm(probe, GET, NONE);
    await probe.ask('KV.Put', { ...A, value: bytes('1') });
  }
  await probe.http('/health');
  await alarm(probe, ACTIVATE, 7);
  await alarm(probe, DEACTIVATE, -1);
  await alarm(probe, DEACTIVATE, 7);
  await alarm(probe, DEACTIVATE, 7);
  await alarm(probe, DEACTIVATE, NONE);
  for (const member of ['1', '1', '18446744073709551615', '0']) await alarm(probe, ACTIVATE, NOSPACE, member);
  await alarm(probe, GET, NONE, 1);
  await alarm(probe, GET, NOSPACE, 12345);
  await alarm(probe, DEACTIVATE, NOSPACE, 12345);
  for (const member of ['1', '18446744073709551615']) await alarm(probe, DEACTIVATE, NOSPACE, member);
  await probe.ask('KV.Put', { ...A, value: bytes('1') });
  await alarm(probe, DEACTIVATE, NOSPACE, 0);
  await probe.ask('KV.Put', { ...A, value: bytes('1') });
}

async function noSpace(probe: Probe): Promise<void> {
  await alarm(probe, ACTIVATE, NOSPACE);
  await probe.ask('KV.Put');
  await everything(probe);
  await alarm(probe, DEACTIVATE, NOSPACE);
  await probe.call('Lease.LeaseGrant', { ID: 70, TTL: 1000 });
}

async function corrupt(probe: Probe): Promise<void> {
  await alarm(probe, ACTIVATE, CORRUPT);
  await everything(probe);
  await alarm(probe, ACTIVATE, NOSPACE);
  await alarm(probe, GET, CORRUPT);
  // Of two alarms /health names either: in etcd they are in a map.
  await everything(probe, EITHER);
  await alarm(probe, DEACTIVATE, CORRUPT);
  await everything(probe);
  await alarm(probe, DEACTIVATE, NOSPACE);
  await probe.ask('KV.Put', { ...A, value: bytes('1') });
}

/** Puts until the quota refuses one. How many fit is each server's matter. */
async function fill(probe: Probe): Promise<void> {
  const value = Buffer.alloc(1_000_000, 1);
  for (let i = 0; i < 40; i++) {
    const { error } = await probe.call('KV.Put', { key: bytes('large'), value });
    if (error === undefined) continue;
    probe.note('refused', error);
    return;
  }
  probe.note('refused', 'never');
}

async function quota(probe: Probe): Promise<void> {
  await fill(probe);
  await alarm(probe, GET, NONE);
  await everything(probe);
  const { message } = await probe.call('KV.DeleteRange', { key: bytes('large') });
  await probe.call('KV.Compact', { revision: (message['header'] as Message)['revision'], physical: true });
  await probe.call('Maintenance.Defragment');
  await probe.ask('KV.Put', { ...A, value: bytes('1') });
  await alarm(probe, DEACTIVATE, NOSPACE);
  await probe.ask('KV.Put', { ...A, value: bytes('1') });
  await alarm(probe, GET, NONE);
  await fill(probe);
  await alarm(probe, DEACTIVATE, NOSPACE);
  await fill(probe);
  await alarm(probe, GET, NONE);
}

export const alarms: Family = {
  name: 'alarms',
  args: ['--quota-backend-bytes=12000000'],
  masksRevisions: true,
  scenarios: { types, noSpace, corrupt, quota },
};

import { setTimeout as sleep } from 'node:timers/promises';
import type { Family, Probe } from './probe.ts';

const key = (text: string): Buffer => Buffer.from(text);
const ALL = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

/** The time a lease was given, and nothing that depends on the moment. */
async function remaining(probe: Probe, ID: string | number, keys = false): Promise<void> {
  const { message, error } = await probe.call('Lease.LeaseTimeToLive', { ID, keys });
  const attached = (message['keys'] as Buffer[] | undefined)?.map((each) => each.toString()).sort();
  const TTL = Number(message['TTL']) > 0 ? 'positive' : message['TTL'];
  probe.note(`time to live of ${ID}`, error ?? { ...message, TTL, keys: attached });
}

async function keepAlive(probe: Probe, ...ids: (string | number)[]): Promise<void> {
  const stream = probe.open('Lease.LeaseKeepAlive');
  for (const ID of ids) await stream.send({ ID }).expect(`keep alive ${ID}`, 1, 20);
  stream.halfClose();
  await stream.ends('keep alive ends');
}

async function grants(probe: Probe): Promise<void> {
  const { message } = await probe.call('Lease.LeaseGrant', { TTL: 60 });
  probe.note('an id is chosen', { ...message, ID: BigInt(String(message['ID'])) > 0n });
  await probe.call('Lease.LeaseRevoke', { ID: message['ID'] });
  const least = '-9223372036854775808';
  const most = '9223372036854775807';
  const cases: [string | number, string | number][] = [
    [7, 1], [8, 0], [9, -1], [10, least], [11, 9_000_000_000], [12, 9_000_000_001], [13, most], [7, 60],
    [7, 9_000_000_001], [-5, 60], [-5, 60], [most, 60], [least, 60], [0, 9_000_000_001], [14, 2], [15, 3],
  ]; // prettier-ignore
  for (const [ID, TTL] of cases) await probe.ask('Lease.LeaseGrant', { ID, TTL });
  for (const ID of [7, -5, most, least, 11, 999, 0, -1]) await remaining(probe, ID, true);
  await keepAlive(probe, 7, 999, -5, 0, -1, most, 7);
  for (const ID of [0, 999, -1]) await probe.ask('Lease.LeaseRevoke', { ID });
  for (const ID of [7, 8, 9, 10, 14, 15]) await probe.ask('Lease.LeaseRevoke', { ID });
  // Sorted by when they end: those of one length apart by when they were granted.
  for (const [ID, TTL] of [[21, 500], [22, 100], [23, 300]]) await probe.call('Lease.LeaseGrant', { ID, TTL }); // prettier-ignore
  await probe.ask('Lease.LeaseLeases');
  await keepAlive(probe, 22);
  await probe.ask('Lease.LeaseLeases');
  for (const ID of [21, 22, 23, 11, -5, most, least]) await probe.ask('Lease.LeaseRevoke', { ID });
  await probe.ask('Lease.LeaseLeases');
}

async function attachments(probe: Probe): Promise<void> {
  await probe.call('Lease.LeaseGrant', { ID: 31, TTL: 600 });
  await probe.call('Lease.LeaseGrant', { ID: 32, TTL: 600 });
  const watch = probe.open('Watch.Watch').send({ create_request: { ...ALL, prev_kv: true } });
  await watch.expect('created', 1);
  for (const name of ['moved', 'detached', 'kept', 'gone', 'z', 'a', 'm'])
    await probe.ask('KV.Put', { key: key(name), value: key('1'), lease: 31 });
  await probe.ask('KV.Put', { key: key('moved'), lease: 32 });
  await probe.ask('KV.Put', { key: key('detached') });
  await probe.ask('KV.Put', { key: key('kept'), ignore_lease: true });
  await probe.ask('KV.DeleteRange', { key: key('gone') });
  await probe.ask('KV.Put', { key: key('gone') });
  await remaining(probe, 31, true);
  await remaining(probe, 32, true);
  await probe.ask('Lease.LeaseRevoke', { ID: 31 });
  await watch.expect('revoking deletes what is attached, in key order and one revision', 14);
  await probe.ask('KV.Range', ALL);
  await probe.ask('KV.Put', { key: key('late'), lease: 31 });
  const put = (name: string, lease: number) => ({ request_put: { key: key(name), lease } });
  await probe.ask('KV.Txn', { success: [put('t1', 32), put('t2', 33)] });
  await probe.ask('KV.Txn', { success: [put('t1', 32), put('t2', 32)] });
  await probe.ask('Lease.LeaseRevoke', { ID: 32 });
  await watch.expect('and what moved there', 5);
  await probe.ask('KV.DeleteRange', ALL);
  watch.cancel();
}

async function expiry(probe: Probe): Promise<void> {
  const TTL = 3;
  const watch = probe.open('Watch.Watch').send({ create_request: { ...ALL, prev_kv: true } });
  await watch.expect('created', 1);
  await probe.ask('Lease.LeaseGrant', { ID: 41, TTL });
  const grantedMs = Date.now();
  await probe.ask('Lease.LeaseGrant', { ID: 42, TTL: 2 });
  const alive = probe.open('Lease.LeaseKeepAlive');
  for (const name of ['e/3', 'e/1', 'e/2', 'e/10']) await probe.ask('KV.Put', { key: key(name), lease: 41 });
  await probe.ask('KV.Put', { key: key('revived'), lease: 42 });
  await watch.take(5);
  for (let i = 0; i < 2; i++) {
    await sleep(1000);
    await alive.send({ ID: 42 }).expect('kept alive', 1, 5);
  }
  await probe.ask('KV.Range', ALL);
  const answers = await watch.expect('the keys of the lease are deleted', 4, 20);
  const tookMs = Date.now() - grantedMs;
  probe.note('responses', answers.length);
  probe.note(
    'not before the time, and not long after it',
    tookMs >= TTL * 1000 && tookMs < TTL * 1000 + 4000,
  );
  await remaining(probe, 41);
  await keepAlive(probe, 41);
  await probe.ask('Lease.LeaseRevoke', { ID: 41 });
  await watch.expect('a lease that was kept alive ends as well', 1);
  await probe.ask('Lease.LeaseLeases');
  await probe.ask('KV.Range', ALL);
}

export const leases: Family = { name: 'leases', scenarios: { grants, attachments, expiry } };

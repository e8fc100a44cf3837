import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const ALL = { key: bytes('\0'), range_end: bytes('\0') };
const put = (key: string, value = '', lease = 0): Message => ({
  key: bytes(key),
  value: bytes(value),
  lease,
});

/** Everything that can be asked about what is there. */
async function everything(probe: Probe): Promise<void> {
  const { message } = await probe.ask('KV.Range', ALL);
  const now = Number((message['header'] as Message)['revision']);
  await probe.ask('Maintenance.HashKV', { revision: 0 });
  for (let revision = now + 1; revision > 0; revision--) {
    await probe.ask('Maintenance.HashKV', { revision });
    await probe.ask('KV.Range', { ...ALL, revision });
  }
  await probe.ask('KV.Compact', { revision: 0 });
  for (const ID of [7, 8, 9]) {
    const { message: lease } = await probe.call('Lease.LeaseTimeToLive', { ID, keys: true });
    const keys = (lease['keys'] as Buffer[]).map(String).sort();
    probe.note(`lease ${ID}`, { ...lease, keys, TTL: Number(lease['TTL']) > 0 });
  }
}

/** A history with leases, deletes, transactions, and a key that is changed twice in one revision. */
async function first(probe: Probe): Promise<void> {
  for (const ID of [7, 8]) await probe.call('Lease.LeaseGrant', { ID, TTL: 10_000 });
  for (let i = 0; i < 12; i++)
    await probe.call('KV.Put', put(`k${i % 5}`, 'v'.repeat(i), i % 3 === 0 ? 7 : 0));
  await probe.call('KV.Put', put('k0', '', 8));
  await probe.call('KV.DeleteRange', { key: bytes('k1'), range_end: bytes('k3') });
  const twice = [
    { request_put: put('m', '1', 7) },
    { request_delete_range: { key: bytes('m'), range_end: bytes('\0') } },
  ];
  await probe.call('KV.Txn', { success: twice });
  await probe.call('KV.Put', put('n', 'last'));
}

async function untouched(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.call('KV.Compact', { revision: 5, physical: true });
}

/** Compacted in the middle of puts; then at a revision of deletes. */
async function compacted(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.call('KV.Compact', { revision: 15, physical: true });
}

/** Compacted at deletes; then where a key is changed twice. */
async function compactedAtDelete(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.call('Lease.LeaseRevoke', { ID: 8 });
  await probe.call('KV.Compact', { revision: 16, physical: true });
}

/** Then at the newest, and everything is deleted. */
async function compactedAtTwoChanges(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.call('KV.Compact', { revision: 18, physical: true });
  await probe.call('KV.DeleteRange', ALL);
}

async function deleted(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.call('KV.Compact', { revision: 19, physical: true });
}

async function nothingLeft(probe: Probe): Promise<void> {
  await everything(probe);
  await probe.ask('KV.Put', put('again', 'v', 7));
}

export const restarts: Family = {
  name: 'restarts',
  restarts: true,
  scenarios: {
    first,
    untouched,
    compacted,
    compactedAtDelete,
    compactedAtTwoChanges,
    deleted,
    nothingLeft,
    again: everything,
  },
};

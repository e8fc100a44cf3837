import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const ALL = { key: bytes('\0'), range_end: bytes('\0') };

/** Meant difference `compactionHashes`: not at revisions at which there was a compaction. */
async function hashes(probe: Probe, from: number, to: number, compacted: ReadonlySet<number>): Promise<void> {
  for (let revision = from; revision <= to; revision++)
    if (!compacted.has(revision)) await probe.ask('Maintenance.HashKV', { revision });
}

/** The first compaction of a store may be one at 0 or below. */
async function fresh(probe: Probe): Promise<void> {
  await probe.ask('Maintenance.HashKV', { revision: 0 });
  await probe.ask('KV.Range', { ...ALL, revision: 1 });
  await probe.ask('KV.Compact', { revision: 2 });
  await probe.ask('KV.Compact', { revision: -1 });
  await probe.ask('KV.Compact', { revision: 0 });
  await probe.ask('KV.Compact', { revision: 0 });
  await probe.ask('KV.Compact', { revision: 1 });
  await probe.ask('KV.Compact', { revision: 1, physical: true });
  await hashes(probe, -1, 3, new Set([0, 1]));
}

/** HashKV over a history with deletes, leases, transactions and compactions. */
async function hashKv(probe: Probe): Promise<void> {
  await probe.call('Lease.LeaseGrant', { ID: 7, TTL: 1000 });
  for (let i = 0; i < 12; i++)
    await probe.call('KV.Put', {
      key: bytes(`k${i % 5}`),
      value: bytes('v'.repeat(i * 7)),
      lease: i % 3 === 0 ? 7 : 0,
    });
  await probe.call('KV.DeleteRange', { key: bytes('k1'), range_end: bytes('k3') });
  const put = (key: string) => ({ request_put: { key: bytes(key), value: bytes('t') } });
  await probe.call('KV.Txn', {
    success: [put('t1'), put('t2'), { request_delete_range: { key: bytes('k3') } }, put('t3')],
  });
  await probe.call('KV.Put', { key: bytes('k1') });
  await probe.call('KV.Put', { key: bytes('empty'), value: bytes('') });
  await probe.call('KV.DeleteRange', { key: bytes('empty') });
  const { message } = await probe.ask('KV.Range', ALL);
  const now = Number((message['header'] as Message)['revision']);
  const compacted = new Set<number>();
  await hashes(probe, -1, now + 2, compacted);
  for (const revision of [3, 8, 14, 14, 13, 15, now - 1, now, now, now + 1]) {
    await probe.ask('KV.Compact', { revision, physical: true });
    compacted.add(revision);
    await hashes(probe, revision - 2, now + 1, compacted);
    await probe.ask('Maintenance.HashKV', { revision: 0 });
    await probe.ask('KV.Range', { ...ALL, revision });
    await probe.ask('KV.Range', { ...ALL, revision: revision - 1 });
  }
  await probe.call('Lease.LeaseRevoke', { ID: 7 });
  await probe.ask('Maintenance.HashKV', { revision: 0 });
  await probe.ask('KV.Compact', { revision: now + 1 });
  await probe.ask('KV.DeleteRange', ALL);
  await probe.ask('KV.Compact', { revision: now + 2, physical: true });
  await probe.ask('Maintenance.HashKV', { revision: 0 });
  await probe.ask('KV.Range', ALL);
}

const BARE = JSON.stringify({ header: null, more: false, count: '0', some: true });

/** How an answer in chunks is made up: numbers of keys are the server's matter, the fields of each chunk are not. */
async function stream(probe: Probe, label: string, request: Message): Promise<void> {
  const { messages, error } = await probe.collect('KV.RangeStream', request);
  const chunks = messages.map((each) => each['range_response'] as Message);
  const bare = chunks
    .slice(0, -1)
    .map(({ header, more, count, kvs }) => ({ header, more, count, some: (kvs as []).length > 0 }));
  const shapes = new Set(bare.map((each) => JSON.stringify(each)));
  probe.note(
    `${label}: chunks before the last`,
    [...shapes].filter((each) => each !== BARE),
  );
  // etcd takes a negative limit for one that is reached at once, and sends everything.
  if (Number(request['limit'] ?? 0) >= 0)
    probe.note(`${label}: the first chunk`, chunks.length > 1 ? (chunks[0]!['kvs'] as []).length : 'only');
  const last = chunks.at(-1);
  probe.note(
    `${label}: the last`,
    last === undefined ? 'none' : { ...last, kvs: (last['kvs'] as []).length > 0 },
  );
  probe.note(
    `${label}: merged`,
    chunks.flatMap((each) => each['kvs'] as Message[]),
  );
  probe.note(`${label}: end`, error ?? 'OK');
}

async function rangeStream(probe: Probe): Promise<void> {
  if (probe.older) return;
  await stream(probe, 'nothing', ALL);
  for (let i = 0; i < 95; i++)
    await probe.call('KV.Put', { key: bytes(`s${String(i).padStart(3, '0')}`), value: bytes(String(i)) });
  const { message } = await probe.call('KV.Put', { key: bytes('s050'), value: Buffer.alloc(1_200_000, 1) });
  const now = Number((message['header'] as Message)['revision']);
  const requests: Record<string, Message> = {
    all: ALL, limit: { ...ALL, limit: 33 }, 'limit of one': { ...ALL, limit: 1 }, 'exact limit': { ...ALL, limit: 95 },
    'limit of ten': { ...ALL, limit: 10 }, 'limit of eleven': { ...ALL, limit: 11 }, 'limit of thirty': { ...ALL, limit: 30 },
    old: { ...ALL, revision: now - 1 }, future: { ...ALL, revision: now + 1 }, 'count only': { ...ALL, count_only: true },
    'count only with limit': { ...ALL, count_only: true, limit: 5 }, 'keys only': { ...ALL, keys_only: true },
    one: { key: bytes('s001') }, missing: { key: bytes('none') }, 'no key': {}, serializable: { ...ALL, serializable: true },
    reversed: { key: bytes('z'), range_end: bytes('a') }, 'ten keys': { key: bytes('s000'), range_end: bytes('s010') },
    'eleven keys': { key: bytes('s000'), range_end: bytes('s011') }, 'negative limit': { ...ALL, limit: -3 },
    sorted: { ...ALL, sort_order: 1 }, 'by value': { key: bytes('s000'), range_end: bytes('s010'), sort_target: 4 }, filtered: { ...ALL, min_mod_revision: 3 },
    descending: { ...ALL, sort_order: 2 }, 'unknown order': { ...ALL, sort_order: 9 }, negative: { ...ALL, revision: -4 },
  }; // prettier-ignore
  for (const [label, request] of Object.entries(requests)) await stream(probe, label, request);
  await probe.call('KV.Compact', { revision: now });
  await stream(probe, 'compacted', { ...ALL, revision: now - 1 });
}

export const history: Family = { name: 'history', scenarios: { hashKv, rangeStream } };
export const freshStore: Family = { name: 'fresh', scenarios: { fresh } };

import type { Message } from '../protocol.ts';
import type { Answer, Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const A = { key: bytes('a') };
const repeat = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
const said = ({ error }: Pick<Answer, 'error'>): string =>
  error === undefined ? 'served' : `${error.code} ${error.text}`;

/** Bytes that fit. etcd numbers its requests, and the length of the number moves the limit by a byte. */
const LARGEST: Readonly<Record<string, number>> = {
  put: 1_572_839,
  txn: 1_572_831,
  delete: 1_572_842,
  compare: 1_572_826,
};

/** The largest size that is served, and what is said to one more. */
async function boundary(probe: Probe, label: string, ask: (size: number) => Promise<Answer>): Promise<void> {
  let [fits, refused] = [1_500_000, 1_700_000];
  while (refused - fits > 1) {
    const middle = (fits + refused) >> 1;
    if ((await ask(middle)).error === undefined) fits = middle;
    else refused = middle;
  }
  probe.note(`${label}: the largest`, Math.abs(fits - LARGEST[label]!) <= 1 ? 'as expected' : fits);
  probe.note(`${label}: one more`, said(await ask(refused)));
}

async function requestSizes(probe: Probe): Promise<void> {
  const blob = (size: number): Buffer => Buffer.alloc(size, 1);
  await boundary(probe, 'put', (size) => probe.call('KV.Put', { ...A, value: blob(size) }));
  await boundary(probe, 'txn', (size) =>
    probe.call('KV.Txn', { success: [{ request_put: { ...A, value: blob(size) } }] }),
  );
  await boundary(probe, 'delete', (size) => probe.call('KV.DeleteRange', { key: blob(size) }));
  const compare = (size: number) => ({ key: A.key, target: 3, value: blob(size) });
  await boundary(probe, 'compare', (size) =>
    probe.call('KV.Txn', { compare: [compare(size)], success: [{ request_put: A }] }),
  );
  // What only reads does not pass through the log.
  for (const size of [1_600_000, 2_000_000]) {
    probe.note(`range of ${size}`, said(await probe.call('KV.Range', { key: blob(size) })));
    probe.note(`read-only txn of ${size}`, said(await probe.call('KV.Txn', { compare: [compare(size)] })));
    probe.note(`watch of ${size}`, null);
    const watch = probe.open('Watch.Watch').send({ create_request: { key: blob(size) } });
    await watch.expect('watch', 1);
  }
  // A message of 2 MiB is the largest that is read at all.
  for (const size of [
    2_097_138, 2_097_139, 2_097_140, 2_097_143, 2_097_144, 2_097_145, 2_097_147, 2_097_148, 2_097_152,
    2_097_160, 4_000_000,
  ]) {
    // prettier-ignore
    probe.note(`range of ${size}`, said(await probe.call('KV.Range', { key: blob(size) })));
    probe.note(`put of ${size}`, said(await probe.call('KV.Put', { ...A, value: blob(size) })));
    const watch = probe.open('Watch.Watch').send({ create_request: { key: blob(size) } });
    await watch.expect(`watch of ${size}`, 1, 30);
  }
}

async function operations(probe: Probe): Promise<void> {
  const op = { request_range: A };
  const nest = (ops: number, success: Message[]): Message => ({
    success: [...repeat(ops - 1, op), { request_txn: { success } }],
  });
  const compare = { key: A.key, target: 0, version: 1 };
  for (const count of [127, 128, 129, 1000, 20_000]) {
    const cases: Record<string, Message> = {
      compares: { compare: repeat(count, compare) },
      success: { success: repeat(count, op) },
      failure: { failure: repeat(count, op) },
      empty: { failure: repeat(count, {}) },
      puts: { success: Array.from({ length: count }, (_, i) => ({ request_put: { key: bytes(`k${i}`) } })) },
      deletes: { success: repeat(count, { request_delete_range: A }) },
      all: { compare: repeat(count, compare), success: repeat(count, op), failure: repeat(count, op) },
    };
    for (const [label, txn] of Object.entries(cases))
      probe.note(`${count} ${label}`, said(await probe.call('KV.Txn', txn)));
  }
  for (const [outer, inner] of [
    [1, 127],
    [1, 128],
    [64, 64],
    [64, 65],
    [100, 28],
    [100, 29],
    [128, 0],
    [128, 1],
    [127, 1],
    [127, 2],
  ])
    // prettier-ignore
    probe.note(
      `${outer} outside, ${inner} inside`,
      said(await probe.call('KV.Txn', nest(outer!, repeat(inner!, op)))),
    );
  const siblings = { success: repeat(60, { request_txn: { success: repeat(68, op) } }) };
  probe.note('siblings have the same budget each', said(await probe.call('KV.Txn', siblings)));
}

/** A field of bytes. */
function framed(tag: number, inner: Buffer): Buffer {
  const length: number[] = [];
  let left = inner.length;
  for (; left >= 128; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([tag, ...length, left]), inner]);
}

/** Made by hand, because protobufjs writes no more than 100 messages inside one another. */
async function depth(probe: Probe): Promise<void> {
  let txn: Message = { success: [{ request_range: { key: bytes('not there') } }] };
  for (let level = 1; level < 20; level++) txn = { success: [{ request_txn: txn }] };
  await probe.ask('KV.Txn', txn);
  let raw = framed(0x12, framed(0x0a, Buffer.from('0a0161', 'hex')));
  for (let level = 1; level <= 3000; level++) {
    if (level <= 130 || [160, 161, 162, 300, 1000, 3000].includes(level)) {
      const { error } = await probe.unary('/etcdserverpb.KV/Txn', raw);
      probe.note(`${level} levels`, error ?? 'served');
    }
    raw = framed(0x12, framed(0x22, raw));
  }
}

export const limits: Family = {
  name: 'limits',
  // Of the puts that look for the limit one more or less may succeed.
  masksRevisions: true,
  scenarios: { requestSizes, operations, depth },
};

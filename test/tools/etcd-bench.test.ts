import { expect, test } from 'vitest';
import fc from 'fast-check';
import { aims, ratios, verdicts } from '../../bench/etcd/aims.ts';
import { callGroups } from '../../bench/etcd/call-rows.ts';
import { readH2load } from '../../bench/etcd/h2load-rows.ts';
import { leaseGroups } from '../../bench/etcd/lease-rows.ts';
import { listGroups } from '../../bench/etcd/list-rows.ts';
import { headerRevision, txnSucceeded } from '../../bench/etcd/load/answers.ts';
import { Latencies } from '../../bench/etcd/load/latencies.ts';
import { MessageParser } from '../../bench/etcd/load/message-parser.ts';
import { lastKeyOf } from '../../bench/etcd/load/page.ts';
import { Created, shapeOf } from '../../bench/etcd/load/shapes.ts';
import type { ShapeName } from '../../bench/etcd/load/shapes.ts';
import { WatchResponseReader } from '../../bench/etcd/load/watch-response.ts';
import type { Place } from '../../bench/etcd/load/watch-response.ts';
import { figuresOf, median, medianFigures, spread } from '../../bench/etcd/measurement.ts';
import type { Measurement } from '../../bench/etcd/measurement.ts';
import { memoryGroups } from '../../bench/etcd/memory-rows.ts';
import { plots } from '../../bench/etcd/plots.ts';
import { failuresOf, lookupOf } from '../../bench/etcd/report.ts';
import type { Report } from '../../bench/etcd/report.ts';
import type { Results } from '../../bench/etcd/runner.ts';
import type { ServerKind } from '../../bench/etcd/servers.ts';
import { SHORT } from '../../bench/etcd/sizes.ts';
import type { Sizes } from '../../bench/etcd/sizes.ts';
import { table } from '../../bench/etcd/table.ts';
import { watchGroups } from '../../bench/etcd/watch-rows.ts';
import { machine } from '../../bench/machine.ts';
import { decodeRequest, methodOf } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';

const KV = '/etcdserverpb.KV';
const encodeResponse = (path: string, message: Message): Buffer => methodOf(path).responseSerialize(message);
const withHead = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const header = { cluster_id: '12949817914020972808', member_id: '3828202552128210929', raft_term: 2 };

test('latencies give the percentiles of what was recorded, at most 1.6 % above', () => {
  const durations = fc.array(fc.double({ min: 0, max: 2e6, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.99, 0.999), (ms, share) => {
      const latencies = new Latencies();
      for (const one of ms) latencies.record(one);
      const sorted = ms.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil(ms.length * share) - 1]!;
      const given = latencies.percentile(share);
      // Microseconds are rounded, and a bucket above 128 us is 1.6 % wide.
      expect(given).toBeGreaterThanOrEqual(Math.min(exact, sorted.at(-1)!) - 0.0005);
      expect(given).toBeLessThanOrEqual(exact * 1.016 + 0.0006);
    }),
  );
});

test('messages are found in a body wherever it is cut', () => {
  const sizes = [0, 1, 5, 300, 0, 70_000, 2];
  const messages = sizes.map((bytes, at) => Buffer.alloc(bytes, 65 + at));
  const body = Buffer.concat(messages.map(withHead));
  const whole = messages.map((message) => message.toString('latin1'));
  const found = (cuts: readonly number[]): string[] => {
    const parts: string[] = [];
    const parser = new MessageParser((bytes, start, end) => parts.push(bytes.toString('latin1', start, end)));
    const edges = [0, ...cuts, body.length];
    for (let at = 1; at < edges.length; at++) parser.data(body, edges[at - 1]!, edges[at]!);
    return parts;
  };
  for (let cut = 0; cut < 400; cut++) expect(found([cut])).toEqual(whole);
  const cuts = fc.array(fc.integer({ min: 0, max: body.length }), { maxLength: 30 });
  fc.assert(fc.property(cuts, (some) => void expect(found(some.toSorted((a, b) => a - b))).toEqual(whole)));
});

test('revision and outcome of a transaction are read from its answer', () => {
  for (const revision of [1, 127, 128, 70_000, 2 ** 31, 2 ** 40]) {
    for (const succeeded of [true, false]) {
      const answer = encodeResponse(`${KV}/Txn`, { header: { ...header, revision }, succeeded });
      const body = withHead(answer);
      expect(headerRevision(body, body.length)).toBe(revision);
      expect(txnSucceeded(body, body.length)).toBe(succeeded);
    }
  }
});

test('a page tells how many keys it has, the last one, and whether more follow', () => {
  const kvs = Array.from({ length: 30 }, (_, at) => ({
    key: Buffer.from(`/key/${at}`),
    value: Buffer.alloc(at * 17, 0x12),
    mod_revision: 300 + at,
  }));
  for (const more of [true, false]) {
    const body = withHead(encodeResponse(`${KV}/Range`, { header, kvs, more, count: 500 }));
    const page = lastKeyOf(body);
    expect({ ...page, lastKey: page.lastKey.toString() }).toEqual({ keys: 30, lastKey: '/key/29', more });
  }
  expect(lastKeyOf(withHead(encodeResponse(`${KV}/Range`, { header })))).toMatchObject({
    keys: 0,
    more: false,
  });
});

test('events of a watch response are counted, those of every third are read; answers to requests are told from them', () => {
  const seen: string[] = [];
  const text = (bytes: Buffer, { start, end }: Place): string => bytes.toString('latin1', start, end);
  const reader = new WatchResponseReader(
    {
      watcherCreated: () => seen.push('created'),
      canceled: () => seen.push('canceled'),
      arrived: (events) => seen.push(`${events}`),
      event: (bytes, { revision, key, value }) =>
        seen.push(`${revision} ${text(bytes, key)} ${text(bytes, value).replace(/\*+/u, '')}`),
    },
    3,
  );
  const read = (message: Message): string[] => {
    const bytes = encodeResponse('/etcdserverpb.Watch/Watch', {
      header: { ...header, revision: 5 },
      ...message,
    });
    seen.length = 0;
    reader.read(Buffer.concat([Buffer.alloc(3), bytes]), 3, 3 + bytes.length);
    return [...seen];
  };
  const kv = (value: string): Message => ({
    ...{ key: Buffer.from('/****'), create_revision: 300, mod_revision: 70_000, version: 1, lease: 7 },
    value: Buffer.from(value.padEnd(600, '*')),
  });
  const events = { watch_id: 300, events: [{ kv: kv('abc') }, { kv: kv('def') }] };
  const whole = ['2', '70000 /**** abc', '70000 /**** def'];
  expect(read({ watch_id: 1, created: true })).toEqual(['created']);
  expect(read(events)).toEqual(whole);
  expect(read({ watch_id: 300, canceled: true, compact_revision: 9, cancel_reason: 'no' })).toEqual([
    'canceled',
  ]);
  expect(read(events)).toEqual(['2']);
  expect(read({ watch_id: 300, events: [{ kv: kv('ghi') }] })).toEqual(['1']);
  expect(read(events)).toEqual(whole);
  // Large ones have lengths of three bytes.
  const large = { ...events, events: [{ kv: kv('x'.repeat(40_000)) }, { kv: kv('y') }, { kv: kv('z') }] };
  expect(read(large)).toEqual(['3']);
});

test('requests of every shape decode to what kube-apiserver sends, at every length of a revision', () => {
  const created = new Created(10);
  created.count = 10;
  const options = { clients: 2, keys: 10, valueBytes: 512, prefix: '/registry/pods/' };
  const decoded = (name: ShapeName, key: number): Message => {
    const shape = shapeOf(name, options, created);
    const bytes = Buffer.alloc(3 + shape.bytes(key));
    shape.write(bytes, 3, key);
    return decodeRequest(shape.path, bytes.subarray(3));
  };
  const key = Buffer.from('/registry/pods/00000007');
  expect(decoded('range', 7)).toMatchObject({ key, serializable: false });
  expect(decoded('rangeSerializable', 7)).toMatchObject({ key, serializable: true });
  expect((decoded('put', 7)['value'] as Buffer).length).toBe(512);
  expect(decoded('put', 7)['value']).not.toEqual(decoded('put', 7)['value']);
  expect(decoded('create', 7)).toMatchObject({
    compare: [{ key, target: 2, result: 0, mod_revision: '0' }],
    success: [{ request_put: { key } }],
    failure: [],
  });
  for (const revision of [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 300_000_000]) {
    created.revisions[7] = revision;
    const compare = [{ key, target: 2, result: 0, mod_revision: String(revision) }];
    const failure = [{ request_range: { key } }];
    expect(decoded('update', 7)).toMatchObject({ compare, failure, success: [{ request_put: { key } }] });
    expect(decoded('delete', 7)).toMatchObject({
      compare,
      failure,
      success: [{ request_delete_range: { key } }],
    });
  }
});

test('clients of updates and deletes never share a key, and deletes take each key once', () => {
  const created = new Created(100);
  created.count = 97;
  const shape = shapeOf('delete', { clients: 8, keys: 100, valueBytes: 1, prefix: '/' }, created);
  const taken: number[] = [];
  for (let client = 0; client < 8; client++)
    for (let turn = 0; shape.keyOf(client, turn) >= 0; turn++) taken.push(shape.keyOf(client, turn));
  expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 97 }, (_, at) => at));
  const load = shapeOf('load', { clients: 8, keys: 1000, valueBytes: 1, prefix: '/' }, created);
  const loaded = Array.from({ length: 1000 }, () => load.keyOf(0, 0));
  expect(new Set(loaded).size).toBe(1000);
  expect([Math.min(...loaded), Math.max(...loaded), load.keyOf(0, 0)]).toEqual([0, 999, -1]);
});

const measurement = (perSecond: number, cpuMicros: number, more: Partial<Measurement> = {}): Measurement => ({
  ...{
    operations: perSecond,
    elapsedMs: 1000,
    serverCpuMicros: cpuMicros * perSecond,
    generatorCpuMicros: 1,
  },
  ...{ p50Ms: 1, p99Ms: 2, p999Ms: 3, maxMs: 4, failures: {} },
  ...more,
});

function resultsOf(row: string, servers: Partial<Record<ServerKind, Measurement[]>>): Results {
  return new Map([[row, new Map(Object.entries(servers) as [ServerKind, Measurement[]][])]]);
}

test('medians and spreads are of all rounds', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), spread([90, 100, 130])]).toEqual([2, 2.5, 0.3]);
  const rounds = [measurement(10, 5), measurement(30, 1, { p99Ms: 9 }), measurement(20, 3)];
  const figures = medianFigures(rounds.map(figuresOf));
  expect(figures).toMatchObject({ perSecond: 20, cpuMicros: 3, p99Ms: 2 });
});

test('a row is judged against the better etcd in each figure', () => {
  const row = 'put-256';
  const results = resultsOf(row, {
    engram: [measurement(300, 2, { p99Ms: 5 })],
    'etcd-3.7': [measurement(90, 20, { p99Ms: 6 })],
    'etcd-3.6': [measurement(120, 8, { p99Ms: 7 })],
  });
  expect(ratios(row, lookupOf(results))).toEqual({ rate: 2.5, cpu: 4 });
  const judged = verdicts(row, lookupOf(results)).map(({ aim, isWithin }) => [aim.text, isWithin]);
  expect(judged).toEqual([
    ['CPU >= 5x', false],
    ['rate >= 3x', false],
    ["p99 below etcd's", true],
  ]);
  const without37 = resultsOf(row, { engram: [measurement(300, 2)], 'etcd-3.7': [measurement(90, 20)] });
  expect(verdicts(row, lookupOf(without37)).map(({ isWithin }) => isWithin)).toEqual([true, true, false]);
  expect(verdicts(row, lookupOf(resultsOf(row, { engram: [measurement(300, 2)] })))).toEqual([]);
});

const allGroups = (sizes: Sizes) => [
  ...callGroups,
  ...listGroups(sizes),
  ...watchGroups,
  ...leaseGroups(sizes),
  ...memoryGroups(sizes),
];

test('every aim is of a row that there is', () => {
  const rows = allGroups(SHORT).flatMap((group) => group.rows.map(({ name }) => name));
  expect(aims.filter(({ row }) => !rows.includes(row)).map(({ row }) => row)).toEqual([]);
  expect(new Set(rows).size).toBe(rows.length);
});

test('a report says what was missed, what failed and what was left out, in a table and in plots', () => {
  const results = resultsOf('range-linearizable-256', {
    engram: [measurement(500, 2), measurement(510, 2, { failures: { 'status 14 gone': 2 } })],
    'etcd-3.7': [measurement(100, 20)],
  });
  const report: Report = {
    ...{ machine: machine(), startedAt: 'then', form: 'short', rounds: 2, sizes: SHORT, results },
    servers: ['engram', 'etcd-3.7'],
    rows: [{ name: 'range-linearizable-256', title: 'Range <1>', operation: 'call' }],
    ceiling: undefined,
    skipped: ['h2load rows: no h2load'],
  };
  const text = table(report);
  expect(text).toContain('| Range <1> | Engram | 505 |');
  expect(text).toContain('5.0x per second, 10.0x per CPU second');
  expect(text).toContain('within CPU >= 8x (10.0); within rate >= 3x (5.0)');
  expect(text).toContain('- range-linearizable-256 on engram: status 14 gone (2)');
  expect(text).toContain('SKIPPED h2load rows');
  expect(failuresOf(results)).toHaveLength(1);
  for (const { svg } of plots(report)) {
    expect(svg).toContain('Range &lt;1&gt;');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  }
});

test('what h2load prints is read, and answers without a value or revisions that are missing are failures', () => {
  const text = [
    'finished in 2.50s, 80000.00 req/s, 45.00MB/s',
    'requests: 200000 total, 200000 started, 200000 done, 200000 succeeded, 0 failed, 0 errored, 0 timeout',
    'status codes: 200000 2xx, 0 3xx, 0 4xx, 0 5xx',
    'traffic: 125.92MB (132040000) total, 1.72MB (1800000) headers (space savings 97.89%), 110.63MB (116000000) data',
    '                     min         max         mean         sd        +/- sd',
    'time for request:      201us     22.10ms      3.18ms      1.01ms    80.37%',
  ].join('\n');
  const range = readH2load(text, { method: 'Range' }, 0);
  expect(range).toMatchObject({
    operations: 200_000,
    elapsedMs: 2500,
    failures: {},
    extra: { meanMs: 3.18 },
  });
  expect(readH2load(text.replace('116000000', '16000000'), { method: 'Range' }, 0).failures).not.toEqual({});
  expect(readH2load(text, { method: 'Put' }, 200_000).failures).toEqual({});
  expect(readH2load(text, { method: 'Put' }, 199_999).failures).not.toEqual({});
  expect(readH2load(text.replace('0 failed', '3 failed'), { method: 'Range' }, 0).failures).not.toEqual({});
});

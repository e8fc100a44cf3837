import { SeededRandom } from '../../../src/base/index.ts';
import { comparable, httpRequest, type HttpRequest } from './http-request.ts';
import { shorten, type Family, type Probe } from './probe.ts';

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const A = b64('a');

async function ask(probe: Probe, what: HttpRequest, label?: string): Promise<void> {
  const reply = await httpRequest(probe.clientUrl, what);
  const named = label ?? `${what.method ?? 'POST'} ${what.path} ${shorten(String(what.body ?? ''))} `;
  probe.note(`${named}${what.headers === undefined ? '' : JSON.stringify(what.headers)}`, comparable(reply));
}

async function asks(probe: Probe, all: readonly (readonly [string, unknown])[]): Promise<void> {
  for (const [path, body] of all)
    await ask(probe, { path, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

async function keyValues(probe: Probe): Promise<void> {
  const range = { key: A, range_end: b64('z') };
  await asks(probe, [
    ['/v3/kv/put', { key: A, value: b64('1') }],
    ['/v3/kv/put', { key: A, value: b64('2'), prev_kv: true }],
    ['/v3/kv/put', { key: A, ignore_value: true, prevKv: true }],
    ['/v3/kv/put', { key: b64('b'), value: b64('\u00ff<>&"') }],
    ['/v3/kv/put', { key: A, value: A, lease: '99' }],
    ['/v3/kv/put', {}],
    ['/v3/kv/range', range],
    ['/v3/kv/range', { ...range, limit: '1' }],
    ['/v3/kv/range', { ...range, limit: 1e0, keys_only: true }],
    ['/v3/kv/range', { ...range, countOnly: true }],
    ['/v3/kv/range', { ...range, sort_order: 'DESCEND', sort_target: 'MOD' }],
    ['/v3/kv/range', { ...range, sort_order: 2, sort_target: 3 }],
    ['/v3/kv/range', { ...range, sort_order: 'UPWARDS', sort_target: 77 }],
    ['/v3/kv/range', { ...range, revision: '2', serializable: true }],
    ['/v3/kv/range', { ...range, revision: 1000 }],
    ['/v3/kv/range', { ...range, max_mod_revision: '3', minCreateRevision: 1 }],
    ['/v3/kv/range', { key: b64('nothing') }],
    ['/v3/kv/range', { key: null, range_end: null }],
    ['/v3beta/kv/range', range],
    ['/v3/kv/txn', { compare: [{ key: A, target: 'VALUE', value: b64('2') }], success: [{ request_range: range }] }],
    ['/v3/kv/txn', { compare: [{ key: A, target: 'MOD', result: 'GREATER', mod_revision: '0' }], failure: [{ requestRange: range }] }],
    ['/v3/kv/txn', { compare: [{ key: A, target: 0, result: 'NOT_EQUAL', version: 0 }], success: [{ request_put: { key: A, value: A } }, { request_delete_range: { key: b64('b'), prev_kv: true } }, { request_txn: { success: [{ request_range: { key: A } }] } }] }],
    ['/v3/kv/txn', { success: [{ request_put: { key: A } }, { request_put: { key: A } }] }],
    ['/v3/kv/txn', { success: [{ request_put: { key: A }, request_range: { key: A } }] }],
    ['/v3/kv/txn', { success: [{}] }],
    ['/v3/kv/txn', { success: [{ request_put: null }] }],
    ['/v3/kv/txn', {}],
    ['/v3/kv/txn', ''],
    ['/v3/kv/deleterange', { key: b64('b'), prev_kv: true }],
    ['/v3/kv/deleterange', { key: A, prevKv: true }],
    ['/v3/kv/deleterange', {}],
    ['/v3/kv/compaction', { revision: '3' }],
    ['/v3/kv/compaction', { revision: '3', physical: true }],
    ['/v3/kv/compaction', { revision: '1000' }],
    ['/v3/kv/range', { ...range, revision: 2 }],
    ['/v3/kv/rangestream', range],
  ]); // prettier-ignore
  let nested: unknown = { success: [] };
  for (let i = 0; i < 200; i++) nested = { success: [{ request_txn: nested }] };
  await ask(probe, { path: '/v3/kv/txn', body: JSON.stringify(nested) }, 'a deep transaction');
  await ask(probe, { path: '/v3/kv/txn', body: '['.repeat(10_001) }, 'brackets');
  await ask(probe, { path: '/v3/kv/txn', body: `{"x":${'['.repeat(9_999)}${']'.repeat(9_999)}}` }, 'nested');
}

async function leases(probe: Probe): Promise<void> {
  await asks(probe, [
    ['/v3/lease/grant', { TTL: '500', ID: 77 }],
    ['/v3/lease/grant', { TTL: '500', ID: 77 }],
    ['/v3/lease/grant', { TTL: '9000000001' }],
    ['/v3/kv/put', { key: b64('leased'), value: A, lease: 77 }],
    ['/v3/kv/range', { key: b64('leased') }],
    ['/v3/lease/keepalive', { ID: '77' }],
    ['/v3/lease/keepalive', '{"ID":77}{"ID":"78"} {"ID":77}\n'],
    ['/v3/lease/keepalive', '{"ID":77} {"ID":"x"} {"ID":77}'],
    ['/v3/lease/keepalive', '{"ID":77}]'],
    ['/v3/lease/keepalive', ''],
    ['/v3/lease/keepalive', '{"ID":'],
    ['/v3/lease/timetolive', { ID: 5, keys: true }],
    ['/v3/kv/lease/timetolive', { ID: '5' }],
    ['/v3/lease/leases', {}],
    ['/v3/kv/lease/leases', ''],
    ['/v3/lease/revoke', { ID: 77 }],
    ['/v3/kv/lease/revoke', { ID: 77 }],
    ['/v3/kv/range', { key: b64('leased') }],
  ]);
}

/** A deadline ends them; etcd says so in the stream. */
async function watches(probe: Probe): Promise<void> {
  const headers = { 'grpc-timeout': '500m' };
  const put = { path: '/v3/kv/put', body: JSON.stringify({ key: b64('w1'), value: A }) };
  const first = JSON.parse((await httpRequest(probe.clientUrl, put)).body) as {
    header: { revision: string };
  };
  const start_revision = first.header.revision;
  for (const key of ['w2', 'w1']) await asks(probe, [['/v3/kv/put', { key: b64(key), value: b64('x') }]]);
  await asks(probe, [['/v3/kv/deleterange', { key: b64('w2') }]]);
  const create = { key: b64('w'), range_end: b64('x'), prev_kv: true };
  for (const body of [
    { create_request: create },
    { createRequest: { ...create, filters: ['NODELETE'], progressNotify: true } },
    { create_request: { ...create, watch_id: '7', filters: [1, 'NOPUT', 'UNKNOWN'] } },
    { create_request: { ...create, range_end: b64('a') } },
    { create_request: { ...create, start_revision: -1 } },
    { cancel_request: { watch_id: 5 } },
    { progress_request: {} },
    {},
  ])
    await ask(probe, { path: '/v3/watch', body: JSON.stringify(body), headers });
  const history = JSON.stringify({ create_request: { ...create, start_revision } });
  await ask(probe, { path: '/v3/watch', body: history, headers }, 'a watch of history');
  for (const body of ['', 'x', '{"create_request":5}', '{"create_request":{"key":"****"}}'])
    await ask(probe, { path: '/v3/watch', body, headers });
  const twice = `${JSON.stringify({ create_request: { ...create, range_end: b64('a') } })} `;
  await ask(probe, { path: '/v3/watch', body: `${twice}${twice}{`, headers });
}

async function others(probe: Probe): Promise<void> {
  await asks(probe, [
    ['/v3/maintenance/status', ''],
    ['/v3/maintenance/alarm', { action: 'GET' }],
    ['/v3/maintenance/alarm', { action: 'ACTIVATE', memberID: '7', alarm: 'NOSPACE' }],
    ['/v3/kv/put', { key: A, value: A }],
    ['/v3/maintenance/alarm', {}],
    ['/v3/maintenance/alarm', { action: 2, memberID: 7, alarm: 1 }],
    ['/v3/maintenance/defragment', {}],
    ['/v3/maintenance/hashkv', { revision: '1000000' }],
    ['/v3/maintenance/hash', ''],
    ['/v3/maintenance/transfer-leadership', { targetID: '5' }],
    ['/v3/maintenance/downgrade', { action: 'VALIDATE', version: '<script>' }],
    ['/v3/maintenance/downgrade', { action: 'ENABLE', version: '1.0' }],
    ['/v3/cluster/member/remove', { ID: '5' }],
    ['/v3/cluster/member/update', { ID: 5, peerURLs: [] }],
    ['/v3/cluster/member/promote', { ID: 5 }],
    ['/v3/cluster/member/add', { peerURLs: ['nonsense', 'http://x'] }],
  ]);
  const members = await httpRequest(probe.clientUrl, { path: '/v3/cluster/member/list' });
  const parsed = JSON.parse(members.body) as { members: Record<string, unknown>[] };
  // Engram's member has no peer URLs.
  probe.note(
    'member list',
    Object.keys(parsed.members[0]!).filter((name) => name !== 'peerURLs'),
  );
}

async function paths(probe: Probe): Promise<void> {
  const body = JSON.stringify({ key: b64('nothing') });
  for (const path of [
    '/v3/kv/range',
    '/v3/kv/range/',
    '/v3/kv/Range',
    '/v3/kv',
    '/v3/',
    '/v3',
    '/v3?x=1',
    '/v3//kv/range?a=b',
    '/v3/kv/./range',
    '/v3/kv/../kv/range',
    '/v3/kv/%72ange',
    '/v3/kv%2Frange',
    '/v3/kv/range?pretty',
    '/v3/kv/range:x',
    '/v3alpha/kv/range',
    '/v3beta/',
    '/v3beta',
    '/v3beta/nothing',
    '/V3/kv/range',
    '/v3/nothing',
    '/v2/keys',
    '/health',
    '/nothing',
    '/version/',
    '//',
    '/debug/pprof/',
  ])
    // prettier-ignore
    for (const method of ['POST', 'GET', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'])
      await ask(probe, { path, body, method });
  for (const headers of [
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { accept: 'text/html' },
    { 'grpc-timeout': '5S' },
    { 'grpc-timeout': '1n' },
    { 'grpc-timeout': '' },
    { 'grpc-timeout': 'S' },
    { 'grpc-timeout': '-1S' },
    { 'grpc-timeout': '0S' },
    { 'grpc-timeout': '99999999999999999999S' },
    { 'grpc-timeout': '1.5S' },
    { 'grpc-timeout': '99999999999H' },
    { origin: 'http://example.com' },
    { authorization: 'x' },
    { 'grpc-metadata-hasleader': 'true' },
    { 'grpc-metadata-client-api-version': '3.7' },
    { te: 'trailers' },
    { 'x-http-method-override': 'GET' },
    { 'x-http-method-override': 'GET', 'content-type': 'application/x-www-form-urlencoded' },
    { 'x-http-method-override': 'post', 'content-type': 'application/x-www-form-urlencoded' },
  ])
    // prettier-ignore
    await ask(probe, { path: '/v3/kv/range', body, headers });
}

const SEEDS = [
  { key: A, range_end: b64('z'), limit: '10', sort_order: 'ASCEND', keys_only: true, unknown: { a: [1, -2.5e3, null, 'x'] } },
  { key: 'YQ', rangeEnd: '_-8=', revision: 0, sort_target: 'KEY', serializable: false, max_mod_revision: '1e2' },
  { key: '\u00e9\ud83d\ude00"\\\n', limit: 'x', count_only: 'true', sort_order: [], min_mod_revision: -1.0 },
]; // prettier-ignore
const TXN_SEED = {
  compare: [{ key: A, target: 'VERSION', result: 'EQUAL', version: '0' }],
  success: [{ request_range: { key: A } }],
  failure: [],
};
const PIECES = [
  '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n', '0', '-', '.', 'e', 'E5', '1e400', 'true', 'false', 'null', 'nul', '\\u00e9',
  '\\ud800', '\\ude00', '\\q', '\u0001', '\u007f', '\u00ff', '"key":1,', '"limit":"5 ",', '"limit":"5,6",', '"limit":1.50e1,',
  '9223372036854775807', '9223372036854775808', '"YQ=\\n="', '/', '//', '=', 'YQ===', "'", 'x',
]; // prettier-ignore
const MUTANTS = 700;

/** Bodies with something wrong, in most cases: which error is it, in which words? */
async function malformed(probe: Probe): Promise<void> {
  const random = new SeededRandom(4);
  for (let i = 0; i < MUTANTS; i++) {
    const isTxn = random.chance(0.2);
    let text = JSON.stringify(isTxn ? TXN_SEED : random.pick(SEEDS), undefined, random.chance(0.2) ? 1 : 0);
    const changes = random.int(1, 2);
    for (let change = 0; change < changes; change++) {
      const at = random.int(0, text.length);
      const removed = random.chance(0.5) ? random.int(0, 3) : 0;
      text = text.slice(0, at) + (random.chance(0.7) ? random.pick(PIECES) : '') + text.slice(at + removed);
    }
    // Some bytes that are no UTF-8.
    const body = random.chance(0.1) ? Buffer.from(text, 'latin1') : Buffer.from(text);
    const reply = await httpRequest(probe.clientUrl, { path: isTxn ? '/v3/kv/txn' : '/v3/kv/range', body });
    probe.note(`${i}: ${text}`, comparable(reply));
  }
}

async function sizes(probe: Probe): Promise<void> {
  for (const bytes of [0, 1, 2, 3, 47, 48, 49, 191, 192, 193, 194, 1000, 65_535, 65_536, 65_537, 1_000_000])
    await ask(probe, {
      path: '/v3/kv/put',
      body: JSON.stringify({ key: b64(`size${bytes}`), value: Buffer.alloc(bytes, `${bytes}`).toString('base64') }),
    }, `put ${bytes}`); // prettier-ignore
  for (const limit of [0, 1, 8])
    await ask(probe, {
      path: '/v3/kv/range',
      body: JSON.stringify({ key: b64('size'), range_end: b64('sizf'), limit }),
    }, `list ${limit}`); // prettier-ignore
  const tooLarge = { key: A, value: Buffer.alloc(1_600_000).toString('base64') };
  await ask(probe, { path: '/v3/kv/put', body: JSON.stringify(tooLarge) }, 'above the limit of requests');
  const muchTooLarge = { key: A, value: Buffer.alloc(2_200_000).toString('base64') };
  await ask(probe, { path: '/v3/kv/put', body: JSON.stringify(muchTooLarge) }, 'above the limit of messages');
}

export const gateway: Family = {
  name: 'gateway',
  scenarios: { keyValues, leases, watches, others, paths, malformed, sizes },
};

const ASKED = [
  { host: 'good.example' }, { host: 'good.example:80' }, { host: 'bad.example' }, { host: '' }, { host: '[::1]:5' }, { host: '[::1]' },
  { host: 'good.example:a:b' }, { host: 'x"y' }, { host: 'good.example', origin: 'https://page.example:443' },
  { host: 'good.example', origin: 'https://other.example' }, { host: 'bad.example', origin: 'https://page.example:443' },
]; // prettier-ignore

/** Who may ask, and from which page. */
async function access(probe: Probe): Promise<void> {
  for (const headers of ASKED)
    for (const [method, path] of [
      ['GET', '/health'],
      ['OPTIONS', '/v3/kv/range'],
      ['POST', '/v3/lease/leases'],
      ['GET', '/nothing'],
    ] as const)
      // prettier-ignore
      await ask(probe, { method, path, headers });
}

export const gatewayAccess: Family = {
  name: 'gateway-access',
  args: ['--cors=https://page.example:443', '--host-whitelist=good.example,::1'],
  scenarios: { access },
};

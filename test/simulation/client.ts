import type { KeyValue, TxnRequest } from '../../src/wire/index.ts';
import { EMPTY_BYTES } from '../../src/base/index.ts';
import { decodeKeyValue } from '../../src/wire/index.ts';
import type { ByteRuns } from '../../src/base/index.ts';
import type { OpResult, Store, StoreError, TxnResult } from '../../src/store/index.ts';
import type { Answer, Call, CallRecord } from './history.ts';
import { show } from './history.ts';
import type { Profile } from './profile.ts';
import { KEYS, LEASES } from './profile.ts';
import { describe, drawTxn, requestOf } from './txn.ts';
import type { World } from './world.ts';
import type { SeededRandom } from '../../src/base/index.ts';

const RANGE = { limit: 0, sortOrder: 0, sortTarget: 0, keysOnly: false, countOnly: false };
const FILTERS = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 };

const NOTHING_READ = { kind: 'read', kvs: [] as KeyValue[], count: 0, more: false, described: '' } as const;

/** What clients know of each other's work, so that their compares succeed often enough. */
export interface Gossip {
  revision: number;
  readonly modRevisions: Map<string, number>;
}

/** What goes with a call: the padding of its values, and the time of leases that it grants. */
export interface More {
  readonly pad: string;
  readonly ttl: number;
  /** The call carries etcd's `hasleader`. */
  readonly needsLeader?: boolean;
}

/** Whoever takes calls. */
export interface CallTarget {
  readonly owner: string;
  call(call: Call, more: More, answered: (answer: Answer) => void): void;
}

export type ClientProfile = Pick<
  Profile,
  'idleMs' | 'leaseTtl' | 'paddingMax' | 'compactions' | 'hashes' | 'reads' | 'txns'
> & {
  /** Chance per call of LeaseLeases. */
  readonly leaseLists?: number;
};

export interface ClientOptions {
  readonly world: World;
  readonly profile: ClientProfile;
  readonly gossip: Gossip;
  readonly records: CallRecord[];
  /** Where the next call goes. Undefined: nobody is there. */
  readonly target: () => CallTarget | undefined;
  /** Told of each answer. */
  readonly answered?: (answer: Answer) => void;
  /** A client waits for an answer no longer than this. */
  readonly timeoutMs: number;
  /** Leases delete keys by themselves, which the linearizability model does not know. */
  readonly leases: boolean;
  /** Calls carry etcd's `hasleader`. */
  readonly needsLeader?: boolean;
  readonly untilMs: number;
}

/** One client, one call at a time. After an unknown outcome it goes on under a new number, since calls may overlap. */
export async function runClient(options: ClientOptions, id: number): Promise<void> {
  const { world, profile, records, untilMs } = options;
  const random = world.random.fork(`client-${id}`);
  let client = id;
  let page: Call | undefined;
  for (let at = 0; world.nowMs() < untilMs; at++) {
    await world.sleep('clients', random.next() * profile.idleMs);
    const target = options.target();
    if (target === undefined) continue;
    const call: Call = page ?? draw(options, random, `${id}-${at}`);
    const startMs = world.nowMs();
    const needsLeader = options.needsLeader === true;
    const more = { pad: padding(random, profile), ttl: profile.leaseTtl, needsLeader };
    const answer = await perform(options, target, { call, more });
    options.answered?.(answer);
    const record = { client, by: target.owner, call, startMs, endMs: world.nowMs(), answer };
    records.push(record);
    world.note(show(record));
    learn(options.gossip, record);
    page = random.chance(0.9) ? nextPage(record, `${id}-${at + 1}`) : undefined;
    if (answer.kind === 'unknown') client += 1000;
  }
}

/** The page behind this one, at the same revision, while others write. */
function nextPage({ call, answer }: CallRecord, id: string): Call | undefined {
  if (call.kind !== 'read' || answer.kind !== 'read' || !answer.more) return undefined;
  const last = Buffer.from(answer.kvs.at(-1)!.key).toString('latin1');
  return { ...call, id, key: `${last}\0`, revision: call.revision > 0 ? call.revision : answer.revision };
}

function padding(random: SeededRandom, profile: ClientProfile): string {
  return ';'.padEnd(1 + random.int(0, profile.paddingMax), 'x');
}

function draw({ profile, gossip, leases }: ClientOptions, random: SeededRandom, id: string): Call {
  const key = random.pick(KEYS);
  const end = random.chance(0.5) ? 'l' : '\xff';
  const known = gossip.modRevisions.get(key) ?? 0;
  if (random.chance(profile.compactions))
    return { kind: 'compact', id, revision: Math.max(1, gossip.revision - random.int(0, 12)) };
  if (random.chance(profile.hashes)) {
    const revision = random.chance(0.5) ? Math.max(1, gossip.revision - random.int(0, 12)) : 0;
    return { kind: 'hash', id, revision };
  }
  if (profile.leaseLists !== undefined && random.chance(profile.leaseLists)) return { kind: 'leases', id };
  if (random.chance(profile.reads)) {
    const revision = random.chance(0.25) ? Math.max(1, gossip.revision - random.int(0, 8)) : 0;
    const limit = random.chance(0.4) ? random.int(1, 3) : 0;
    const read = { kind: 'read', id, revision, serializable: random.chance(0.2), limit } as const;
    return random.chance(0.5) ? { ...read, key, end: '' } : { ...read, key: 'k', end };
  }
  if (leases && random.chance(0.15))
    return { kind: random.chance(0.6) ? 'grant' : 'revoke', id, lease: random.pick(LEASES) };
  if (random.chance(profile.txns)) {
    const known = gossip.modRevisions;
    return { kind: 'txn', id, txn: drawTxn(random, { id, known, leases: leases ? LEASES : [] }) };
  }
  const roll = random.next();
  if (roll < 0.25)
    return { kind: 'put', id, key, lease: leases && random.chance(0.4) ? random.pick(LEASES) : 0n };
  const revision = random.chance(0.85) ? known : Math.max(0, known - 1);
  if (roll < 0.7) return { kind: 'update', id, key, revision };
  if (roll < 0.93 && revision > 0) return { kind: 'remove', id, key, revision };
  return { kind: 'removeAll', id, key: 'k', end };
}

function learn(gossip: Gossip, { call, answer }: CallRecord): void {
  if (!('revision' in answer)) return;
  gossip.revision = Math.max(gossip.revision, answer.revision);
  if (!('key' in call)) return;
  if (answer.kind === 'written') {
    const isPut = call.kind === 'put' || call.kind === 'update';
    if (call.kind !== 'removeAll') gossip.modRevisions.set(call.key, isPut ? answer.revision : 0);
  } else if (answer.kind === 'read' && (call.kind !== 'read' || call.revision === 0)) {
    const held = 'end' in call && call.end !== '' ? undefined : answer.kvs[0];
    if (held !== undefined) gossip.modRevisions.set(call.key, held.modRevision);
    else if (!('end' in call) || call.end === '') gossip.modRevisions.set(call.key, 0);
  }
}

/** Sends the call, with the network's time on both ways; what a dead node owes is unknown. */
function perform(
  { world, timeoutMs }: ClientOptions,
  target: CallTarget,
  { call, more }: { call: Call; more: More },
): Promise<Answer> {
  return new Promise((resolve) => {
    let open = true;
    const end = (answer: Answer) => {
      if (open) resolve(answer);
      open = false;
    };
    world.schedule('clients', timeoutMs, () => end({ kind: 'unknown' }));
    target.call(call, more, (answer) => world.schedule('clients', 0.5, () => end(answer)));
  });
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const listed = (runs: ByteRuns): KeyValue[] =>
  Array.from({ length: runs.count }, (_, i) => decodeKeyValue(runs.run(i)));

/** Has a store serve a call. */
export function send(store: Store, call: Call, { pad, ttl }: More, answered: (answer: Answer) => void): void {
  const failed = (error: StoreError) => answered({ kind: 'error', code: error.code });
  const done = (error: StoreError | undefined, result: { revision: number }) =>
    error === undefined ? answered({ kind: 'done', revision: result.revision }) : failed(error);
  const value = latin1(call.id + pad);
  switch (call.kind) {
    case 'put': {
      const request = {
        key: latin1(call.key),
        value,
        lease: call.lease,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      };
      return store.put(request, 100, (error, result) => {
        if (error === undefined) answered({ kind: 'written', revision: result.revision, described: '' });
        else failed(error);
      });
    }
    case 'update':
    case 'remove':
      return store.txn(conditional(call, value), 200, (error, result) => {
        if (error === undefined) answered(txnAnswer(result));
        else failed(error);
      });
    case 'removeAll': {
      const request = { key: latin1(call.key), rangeEnd: latin1(call.end), prevKv: false };
      return store.deleteRange(request, 100, (error, result) => {
        if (error !== undefined) failed(error);
        else if (result.deleted > 0) answered({ kind: 'written', revision: result.revision, described: '' });
        else answered({ ...NOTHING_READ, revision: result.revision });
      });
    }
    case 'read': {
      const { revision, serializable, limit } = call;
      const request = {
        ...RANGE,
        ...FILTERS,
        limit,
        key: latin1(call.key),
        rangeEnd: latin1(call.end),
        revision,
        serializable,
      };
      return store.range(request, (error, result) => {
        if (error !== undefined) failed(error);
        else answered({ ...NOTHING_READ, ...result, kvs: listed(result.kvs) });
      });
    }
    case 'txn':
      return store.txn(requestOf(call.txn, pad), 300, (error, result) => {
        if (error !== undefined) return failed(error);
        const { revision, responses } = result;
        const described = describe(result);
        if (hasWritten(responses)) answered({ kind: 'written', revision, described });
        else answered({ ...NOTHING_READ, revision, described });
      });
    case 'hash':
      return store.hashKv(call.revision, (error, result) => {
        if (error !== undefined) return failed(error);
        const { revision, hash, compactRevision, hashRevision } = result;
        answered({ kind: 'hashed', revision, hash, compacted: compactRevision, at: hashRevision });
      });
    case 'grant':
      return store.leaseGrant({ id: call.lease, ttl }, done);
    case 'revoke':
      return store.leaseRevoke(call.lease, done);
    case 'leases':
      return store.leaseLeases((error, result) => {
        if (error !== undefined) return failed(error);
        answered({ kind: 'leases', revision: result.revision, ids: [...result.ids].sort().join() });
      });
    case 'keepAlive':
      return store.leaseKeepAlive(call.lease, (error, result) => {
        if (error === undefined) answered({ kind: 'alive', revision: result.revision, ttl: result.ttl });
        else failed(error);
      });
    case 'timeToLive':
      return store.leaseTimeToLive(call.lease, false, (error, result) => {
        if (error === undefined) answered({ kind: 'alive', revision: result.revision, ttl: result.ttl });
        else failed(error);
      });
    case 'compact':
      return store.compact({ revision: call.revision, physical: false }, done);
  }
}

function conditional(call: Extract<Call, { kind: 'update' | 'remove' }>, value: Buffer): TxnRequest {
  const key = latin1(call.key);
  const put = { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  const range = { ...RANGE, ...FILTERS, key, rangeEnd: EMPTY_BYTES, revision: 0, serializable: false };
  const deleteRange = { key, rangeEnd: EMPTY_BYTES, prevKv: false };
  const operand = { kind: 'modRevision', value: call.revision } as const;
  return {
    compare: [{ result: 0, target: 2, key, rangeEnd: EMPTY_BYTES, operand }],
    success: [
      call.kind === 'update' ? { kind: 'put', request: put } : { kind: 'deleteRange', request: deleteRange },
    ],
    failure: [{ kind: 'range', request: range }],
  };
}

function txnAnswer({ succeeded, revision, responses }: TxnResult): Answer {
  if (succeeded) return { kind: 'written', revision, described: '' };
  const [first] = responses as (OpResult | undefined)[];
  const kvs = first?.kind === 'range' ? listed(first.result.kvs) : [];
  return { ...NOTHING_READ, revision, kvs, count: kvs.length };
}

function hasWritten(responses: readonly OpResult[]): boolean {
  return responses.some(({ kind, result }) => {
    if (kind === 'txn') return hasWritten(result.responses);
    return kind === 'put' || (kind === 'deleteRange' && result.deleted > 0);
  });
}

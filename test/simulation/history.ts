import type { KeyValue } from '../../src/wire/index.ts';
import { hashOf } from './hash.ts';
import type { Oracle, Sighting } from './oracle.ts';
import { text } from './state.ts';
import type { Entry } from './state.ts';
import { evaluate, mayDelete } from './txn.ts';
import type { SimTxn } from './txn.ts';

/** One client call. `id` is the value that it writes. */
export type Call =
  | { readonly kind: 'put'; readonly id: string; readonly key: string; readonly lease: bigint }
  /** Kubernetes' create (`revision` 0), update and delete: on condition of the mod revision, else a read. */
  | { readonly kind: 'update' | 'remove'; readonly id: string; readonly key: string; readonly revision: number }
  | { readonly kind: 'removeAll'; readonly id: string; readonly key: string; readonly end: string }
  /** `limit` 0: none. The pages of a list are reads at one revision. */
  | { readonly kind: 'read'; readonly id: string; readonly key: string; readonly end: string; readonly revision: number; readonly serializable: boolean; readonly limit: number }
  | { readonly kind: 'txn'; readonly id: string; readonly txn: SimTxn }
  /** HashKV. */
  | { readonly kind: 'hash'; readonly id: string; readonly revision: number }
  | { readonly kind: 'grant' | 'revoke'; readonly id: string; readonly lease: bigint }
  | { readonly kind: 'keepAlive' | 'timeToLive'; readonly id: string; readonly lease: bigint }
  /** LeaseLeases. */
  | { readonly kind: 'leases'; readonly id: string }
  | { readonly kind: 'compact'; readonly id: string; readonly revision: number }; // prettier-ignore

export type Answer =
  /** It took effect at this revision. */
  | { readonly kind: 'written'; readonly revision: number; readonly described: string }
  /** It wrote nothing, judged at this revision; `kvs` is what it read there. */
  | {
      readonly kind: 'read';
      readonly revision: number;
      readonly kvs: readonly KeyValue[];
      readonly count: number;
      readonly more: boolean;
      /** Of a transaction: all of it in words. */
      readonly described: string;
    }
  | {
      readonly kind: 'hashed';
      readonly revision: number;
      readonly hash: number;
      readonly compacted: number;
      readonly at: number;
    }
  /** Took effect, or found what it found, without a revision of its own. */
  | { readonly kind: 'done'; readonly revision: number }
  /** The leases that exist, in the order of their texts. */
  | { readonly kind: 'leases'; readonly revision: number; readonly ids: string }
  /** Of a lease: the seconds that it has left; not above 0 when there is none. */
  | { readonly kind: 'alive'; readonly revision: number; readonly ttl: number }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'unknown' };

export interface CallRecord {
  readonly client: number;
  /** The node that was asked. */
  readonly by: string;
  readonly call: Call;
  readonly startMs: number;
  endMs: number;
  answer: Answer;
}

/** Errors that say for certain that the call had no effect. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'LeaderChanged',
  'NoLeader',
  'NotLeader',
  'LeaseNotFound',
  'LeaseExist',
  'Compacted',
  'FutureRev',
  'TooManyRequests',
  'NoSpace',
  'DuplicateKey',
]);

/**
 * The replay validator: since every answer names a revision, the order of all writes is known, and each answer is judged
 * by the state at its revision (promises 1, 4 and 6).
 */
export function checkHistory(oracle: Oracle, records: readonly CallRecord[]): void {
  const writes = writesById(oracle);
  const shown = shownRevisions(oracle, records);
  const shownBy = shownByNode(oracle, records);
  for (const record of records) {
    const { call, answer, startMs } = record;
    if (answer.kind === 'error' && WITHOUT_EFFECT.has(answer.code))
      oracle.expect(
        !writes.has(call.id),
        () => `promise 6: failed without effect, but it is in the log: ${show(record)}`,
      );
    if (answer.kind === 'written') checkWritten(oracle, record, writes.get(call.id));
    if (answer.kind === 'read') checkRead(oracle, record);
    if (answer.kind === 'hashed') checkHash(oracle, record);
    checkRefusal(oracle, record, isLinearizable(call) ? shown(startMs) : shownBy(record));
    if (!('revision' in answer)) continue;
    const linearizable = isLinearizable(call);
    const before = shown(startMs);
    const atLeast = before.revision + (answer.kind === 'written' ? 1 : 0);
    oracle.expect(
      !linearizable || answer.revision >= atLeast,
      () => `promise 4: not ${atLeast} or above, as ${show(before)} before it began: ${show(record)}`,
    );
    const beforeHere = shownBy(record);
    oracle.expect(
      !isLocal(call) || answer.revision >= beforeHere.revision,
      () => `promise 4: ${record.by} goes back from ${show(beforeHere)}: ${show(record)}`,
    );
    const landedMs = oracle.landedMs.get(answer.revision);
    oracle.expect(
      landedMs !== undefined && landedMs <= record.endMs,
      () => `promise 1: answered with a revision that was not committed then: ${show(record)}`,
    );
  }
  checkDeletes(oracle, records);
}

/**
 * Values are unique to their call, or to their operation in it, so that a put in the log names the call that it comes
 * from.
 */
function writesById(oracle: Oracle): Map<string, Entry> {
  const writes = new Map<string, Entry>();
  const values = new Set<string>();
  for (const entry of oracle.entries) {
    if (entry.kind !== 'put') continue;
    const id = idOf(entry.kv!);
    oracle.expect(!values.has(id), () => `${id} is in the log twice`);
    values.add(id);
    writes.set(id.split('#')[0]!, entry);
  }
  return writes;
}

export const idOf = (kv: KeyValue): string => Buffer.from(kv.value).toString('latin1').split(';')[0]!;

/** The highest revision that anybody had been shown before a moment. */
function shownRevisions(oracle: Oracle, records: readonly CallRecord[]): (beforeMs: number) => Sighting {
  const moments = [...oracle.sightings];
  for (const { answer, endMs, by } of records)
    if ('revision' in answer) moments.push({ atMs: endMs, revision: answer.revision, by });
  return highestBefore(moments);
}

/** The highest that one incarnation of a node had shown, of what it serves itself, before a call to it. */
function shownByNode(oracle: Oracle, records: readonly CallRecord[]): (record: CallRecord) => Sighting {
  const byNode = new Map<string, Sighting[]>();
  const add = (moment: Sighting): void => {
    const moments = byNode.get(moment.by);
    if (moments === undefined) byNode.set(moment.by, [moment]);
    else moments.push(moment);
  };
  for (const sighting of oracle.sightings) add(sighting);
  for (const { call, answer, endMs, by } of records)
    if ('revision' in answer && isLocal(call)) add({ atMs: endMs, revision: answer.revision, by });
  const before = new Map([...byNode].map(([by, moments]) => [by, highestBefore(moments)]));
  return ({ by, startMs }) => before.get(by)?.(startMs) ?? { atMs: 0, revision: 0, by };
}

/** The highest of these before a moment. */
function highestBefore(moments: Sighting[]): (beforeMs: number) => Sighting {
  moments.sort((a, b) => a.atMs - b.atMs);
  let highest: Sighting = { atMs: 0, revision: 0, by: '' };
  const nothing = highest;
  const highestUpTo = moments.map((moment) => {
    if (moment.revision > highest.revision) highest = moment;
    return highest;
  });
  return (beforeMs) => {
    let [low, high] = [0, moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moments[middle]!.atMs < beforeMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? nothing : highestUpTo[low - 1]!;
  };
}

const isLinearizable = (call: Call): boolean =>
  call.kind === 'read' ? !call.serializable : call.kind !== 'hash';

/** Served by the node that is asked, whoever leads. */
const isLocal = ({ kind }: Call): boolean => kind === 'read' || kind === 'hash' || kind === 'leases';

/** What is said to be compacted was, and what is said to be in the future nobody had been shown, or not here. */
function checkRefusal(oracle: Oracle, record: CallRecord, before: Sighting): void {
  const { call, answer, endMs } = record;
  if (answer.kind !== 'error' || !('revision' in call)) return;
  if (call.kind !== 'read' && call.kind !== 'hash' && call.kind !== 'compact') return;
  const { revision } = call;
  if (answer.code === 'FutureRev')
    oracle.expect(
      before.revision < revision,
      () => `promise 4: not in the future, ${show(before)} before it began: ${show(record)}`,
    );
  // A hash reads all history that there was at its start, of which a compaction may take some under way.
  if (answer.code !== 'Compacted' || call.kind === 'hash') return;
  const atLeast = call.kind === 'compact' ? revision : revision + 1;
  const isCompacted = oracle.entries.some(
    ({ kind, number, sequence }) =>
      kind === 'compact' && number >= atLeast && oracle.sequenceLandedMs.get(sequence)! <= endMs,
  );
  oracle.expect(isCompacted, () => `promise 4: it was not compacted: ${show(record)}`);
}

function checkWritten(oracle: Oracle, record: CallRecord, entry: Entry | undefined): void {
  const { call, answer } = record;
  if (answer.kind !== 'written') return;
  const at = oracle.entriesAt(answer.revision);
  const before = (key: string) => oracle.full.at(key, answer.revision - 1);
  if (call.kind === 'put' || call.kind === 'update') {
    oracle.expect(
      entry?.revision === answer.revision && entry.key === call.key,
      () => `promise 1: not in the log: ${show(record)}`,
    );
    if (call.kind === 'update')
      oracle.expect(
        (before(call.key)?.modRevision ?? 0) === call.revision,
        () => `its compare was false: ${show(record)}`,
      );
  }
  if (call.kind === 'remove') {
    oracle.expect(
      at.length === 1 && at[0]!.kind === 'delete' && at[0]!.key === call.key,
      () => `promise 1: not in the log: ${show(record)}`,
    );
    oracle.expect(
      before(call.key)?.modRevision === call.revision,
      () => `its compare was false: ${show(record)}`,
    );
  }
  if (call.kind === 'txn') {
    const effect = evaluate(call.txn, oracle.full.held(answer.revision - 1), answer.revision - 1);
    const found = at.map((each) =>
      changeText(each.kind, each.key, each.kind === 'put' ? idOf(each.kv!) : ''),
    );
    const expected = effect.changes.map((each) => changeText(each.kind, each.key, each.id));
    oracle.expect(
      found.join() === expected.join() && answer.described === effect.answer,
      () =>
        `promise 4: it should have done ${expected.join()} and answered ${effect.answer}, not ${found.join()}: ${show(record)}`,
    );
  }
  if (call.kind === 'removeAll') {
    const expected = oracle.full
      .range(call.key, call.end, answer.revision - 1)
      .map(({ key }) => Buffer.from(key).toString('latin1'));
    oracle.expect(
      at.every(({ kind }) => kind === 'delete') && at.map(({ key }) => key).join() === expected.join(),
      () => `it should have removed ${expected.join()}: ${show(record)}`,
    );
  }
}

const changeText = (kind: string, key: string, id: string): string => `${kind} ${key}=${id}`;

function checkRead(oracle: Oracle, record: CallRecord): void {
  const { call, answer } = record;
  if (answer.kind !== 'read') return;
  if (call.kind === 'txn') {
    const effect = evaluate(call.txn, oracle.full.held(answer.revision), answer.revision);
    oracle.expect(
      effect.changes.length === 0 && answer.described === effect.answer,
      () => `promise 4: it should have answered ${effect.answer}: ${show(record)}`,
    );
  }
  if (!('key' in call)) return;
  const at = call.kind === 'read' && call.revision > 0 ? call.revision : answer.revision;
  const all = oracle.full.range(call.key, 'end' in call ? call.end : '', at);
  const expected = call.kind === 'read' && call.limit > 0 ? all.slice(0, call.limit) : all;
  const isCounted = answer.count === all.length && answer.more === expected.length < all.length;
  oracle.expect(
    isCounted && answer.kvs.map(text).join('\n') === expected.map(text).join('\n'),
    () => `promise 4: expected ${expected.map(text).join(' ')}: ${show(record)}`,
  );
  if (call.kind === 'update' || call.kind === 'remove')
    oracle.expect(
      (expected[0]?.modRevision ?? 0) !== call.revision,
      () => `its compare was true: ${show(record)}`,
    );
}

/** HashKV is the same on every incarnation, however the log has been cleaned. */
function checkHash(oracle: Oracle, record: CallRecord): void {
  const { answer } = record;
  if (answer.kind !== 'hashed') return;
  const expected = hashOf(oracle.entries, answer.compacted, answer.at);
  oracle.expect(answer.hash === expected, () => `HashKV should have been ${expected}: ${show(record)}`);
}

/** A delete names no call; but each must be explained by one that was made, and was not answered as without effect. */
function checkDeletes(oracle: Oracle, records: readonly CallRecord[]): void {
  // A revoke comes right behind what it deletes, perhaps in a chunk of its own.
  const revoked = new Set(
    oracle.entries.map(({ kind }, at) => (kind === 'revoke' ? oracle.entries[at - 1]?.revision : undefined)),
  );
  for (const entry of oracle.entries) {
    if (entry.kind !== 'delete' || revoked.has(entry.revision)) continue;
    const landedMs = oracle.landedMs.get(entry.revision)!;
    const explained = records.some(({ call, answer, startMs }) => {
      if (startMs > landedMs || (answer.kind === 'error' && WITHOUT_EFFECT.has(answer.code))) return false;
      if (answer.kind === 'written' && answer.revision !== entry.revision) return false;
      if (answer.kind === 'read' || answer.kind === 'done') return false;
      if (call.kind === 'remove') return call.key === entry.key;
      if (call.kind === 'txn') return mayDelete(call.txn, entry.key);
      return call.kind === 'removeAll' && entry.key >= call.key && entry.key < call.end;
    });
    oracle.expect(
      explained,
      () => `promise 6: nobody can have deleted ${entry.key} at revision ${entry.revision}`,
    );
  }
}

export function show(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) => {
    if (typeof held === 'bigint') return String(held);
    return held instanceof Uint8Array ? Buffer.from(held).toString('latin1') : held;
  });
}

import type { KeyValue } from '../../src/wire/index.ts';
import type { Oracle } from './oracle.ts';
import { text } from './state.ts';
import type { Entry } from './state.ts';

/** One client call. `id` is the value that it writes. */
export type Call =
  | { readonly kind: 'put'; readonly id: string; readonly key: string; readonly lease: bigint }
  /** Kubernetes' create (`revision` 0), update and delete: on condition of the mod revision, else a read. */
  | { readonly kind: 'update' | 'remove'; readonly id: string; readonly key: string; readonly revision: number }
  | { readonly kind: 'removeAll'; readonly id: string; readonly key: string; readonly end: string }
  | { readonly kind: 'read'; readonly id: string; readonly key: string; readonly end: string; readonly revision: number; readonly serializable: boolean }
  | { readonly kind: 'grant' | 'revoke'; readonly id: string; readonly lease: bigint }
  | { readonly kind: 'compact'; readonly id: string; readonly revision: number }; // prettier-ignore

export type Answer =
  /** It took effect at this revision. */
  | { readonly kind: 'written'; readonly revision: number }
  /** It wrote nothing, judged at this revision; `kvs` is what it read there. */
  | {
      readonly kind: 'read';
      readonly revision: number;
      readonly kvs: readonly KeyValue[];
      readonly count: number;
    }
  /** Took effect, or found what it found, without a revision of its own. */
  | { readonly kind: 'done'; readonly revision: number }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'unknown' };

export interface CallRecord {
  readonly client: number;
  readonly call: Call;
  readonly startMs: number;
  endMs: number;
  answer: Answer;
}

/** Errors that say for certain that the call had no effect. */
const WITHOUT_EFFECT = new Set([
  'LeaderChanged',
  'LeaseNotFound',
  'LeaseExist',
  'Compacted',
  'FutureRev',
  'TooManyRequests',
  'NoSpace',
]);

/**
 * The replay validator: since every answer names a revision, the order of all writes is known, and each answer is judged
 * by the state at its revision (promises 1, 4 and 6).
 */
export function checkHistory(oracle: Oracle, records: readonly CallRecord[]): void {
  const writes = writesById(oracle);
  const shown = shownRevisions(oracle, records);
  for (const record of records) {
    const { call, answer, startMs } = record;
    if (answer.kind === 'error' && WITHOUT_EFFECT.has(answer.code))
      oracle.expect(
        !writes.has(call.id),
        () => `promise 6: failed without effect, but it is in the log: ${show(record)}`,
      );
    if (answer.kind === 'written') checkWritten(oracle, record, writes.get(call.id));
    if (answer.kind === 'read') checkRead(oracle, record);
    if (answer.kind !== 'written' && answer.kind !== 'read' && answer.kind !== 'done') continue;
    const linearizable = call.kind !== 'read' || !call.serializable;
    const atLeast = shown(startMs) + (answer.kind === 'written' ? 1 : 0);
    oracle.expect(
      !linearizable || answer.revision >= atLeast,
      () => `promise 4: ${atLeast} had been shown before it began: ${show(record)}`,
    );
    const landedMs = oracle.landedMs.get(answer.revision);
    oracle.expect(
      landedMs !== undefined && landedMs <= record.endMs,
      () => `promise 1: answered with a revision that was not committed then: ${show(record)}`,
    );
  }
  checkDeletes(oracle, records);
}

/** Values are unique to their call, so that a put in the log names the call that it comes from. */
function writesById(oracle: Oracle): Map<string, Entry> {
  const writes = new Map<string, Entry>();
  for (const entry of oracle.entries) {
    if (entry.kind !== 'put') continue;
    const id = idOf(entry.kv!);
    oracle.expect(!writes.has(id), () => `${id} is in the log twice`);
    writes.set(id, entry);
  }
  return writes;
}

export const idOf = (kv: KeyValue): string => Buffer.from(kv.value).toString('latin1').split(';')[0]!;

/** The highest revision that anybody had been shown before a moment. */
function shownRevisions(oracle: Oracle, records: readonly CallRecord[]): (beforeMs: number) => number {
  const moments = oracle.sightings.map(({ atMs, revision }) => ({ atMs, revision }));
  for (const { answer, endMs } of records)
    if ('revision' in answer) moments.push({ atMs: endMs, revision: answer.revision });
  moments.sort((a, b) => a.atMs - b.atMs);
  let highest = 0;
  const highestUpTo = moments.map(({ revision }) => (highest = Math.max(highest, revision)));
  return (beforeMs) => {
    let [low, high] = [0, moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moments[middle]!.atMs < beforeMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : highestUpTo[low - 1]!;
  };
}

function checkWritten(oracle: Oracle, record: CallRecord, entry: Entry | undefined): void {
  const { call, answer } = record;
  if (answer.kind !== 'written') return;
  const at = oracle.entries.filter(({ revision }) => revision === answer.revision);
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

function checkRead(oracle: Oracle, record: CallRecord): void {
  const { call, answer } = record;
  if (answer.kind !== 'read' || !('key' in call)) return;
  const at = call.kind === 'read' && call.revision > 0 ? call.revision : answer.revision;
  const expected = oracle.full.range(call.key, 'end' in call ? call.end : '', at);
  oracle.expect(
    answer.kvs.map(text).join('\n') === expected.map(text).join('\n') && answer.count === expected.length,
    () => `promise 4: expected ${expected.map(text).join(' ')}: ${show(record)}`,
  );
  if (call.kind === 'update' || call.kind === 'remove')
    oracle.expect(
      (expected[0]?.modRevision ?? 0) !== call.revision,
      () => `its compare was true: ${show(record)}`,
    );
}

/** A delete names no call; but each must be explained by one that was made, and was not answered as without effect. */
function checkDeletes(oracle: Oracle, records: readonly CallRecord[]): void {
  const revokes = new Set(
    oracle.entries.filter(({ kind }) => kind === 'revoke').map(({ sequence }) => sequence),
  );
  for (const entry of oracle.entries) {
    if (entry.kind !== 'delete' || revokes.has(entry.sequence)) continue;
    const landedMs = oracle.landedMs.get(entry.revision)!;
    const explained = records.some(({ call, answer, startMs }) => {
      if (startMs > landedMs || (answer.kind === 'error' && WITHOUT_EFFECT.has(answer.code))) return false;
      if (answer.kind === 'written' && answer.revision !== entry.revision) return false;
      if (answer.kind === 'read' || answer.kind === 'done') return false;
      if (call.kind === 'remove') return call.key === entry.key;
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

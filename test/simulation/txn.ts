import type { SeededRandom } from '../../src/base/index.ts';
import { EMPTY_BYTES } from '../../src/base/index.ts';
import type { OpResult, TxnResult } from '../../src/store/index.ts';
import type { RequestOp, TxnRequest } from '../../src/wire/index.ts';
import { decodeKeyValue } from '../../src/wire/index.ts';
import { KEYS } from './profile.ts';
import { latin1 } from './state.ts';

/** A transaction as the simulator draws it. Its compares are on mod revisions. */
export interface SimTxn {
  readonly compares: readonly { readonly key: string; readonly revision: number }[];
  readonly success: readonly SimOp[];
  readonly failure: readonly SimOp[];
}

export type SimOp =
  /** `id` begins the value that it writes, and no other. */
  | { readonly kind: 'put'; readonly key: string; readonly id: string; readonly lease: bigint }
  /** `end`: '' for one key, '\0' for all from it on. */
  | { readonly kind: 'delete'; readonly key: string; readonly end: string }
  | { readonly kind: 'range'; readonly key: string; readonly end: string; readonly limit: number }
  | { readonly kind: 'txn'; readonly txn: SimTxn };

/** A key that exists: when it was written last, and by whom. */
export interface Held {
  readonly mod: number;
  readonly id: string;
}

/** What a transaction does: its changes in order, and its answer as `describe` gives it. */
export interface Effect {
  readonly changes: readonly { readonly kind: 'put' | 'delete'; readonly key: string; readonly id: string }[];
  readonly answer: string;
}

const DEPTH_MAX = 3;
const OPS_MAX = 4;

/**
 * A nested transaction of several operations. No key is put twice or put and deleted on one way, but by a delete of all
 * from a key on, which etcd lets through.
 */
export function drawTxn(
  random: SeededRandom,
  options: {
    readonly id: string;
    readonly known: ReadonlyMap<string, number>;
    readonly leases: readonly bigint[];
  },
): SimTxn {
  let ids = 0;
  let hasDeletedFrom = false;
  const branch = (pool: string[], depth: number): SimOp[] => {
    const ops: SimOp[] = [];
    for (let count = random.int(depth === 1 ? 1 : 0, OPS_MAX); count > 0; count--) ops.push(op(pool, depth));
    return ops;
  };
  const op = (pool: string[], depth: number): SimOp => {
    const roll = random.next();
    if (roll < 0.2 && depth < DEPTH_MAX)
      return { kind: 'txn', txn: txn(pool.splice(0, random.int(1, 3)), depth + 1) };
    const key = roll < 0.75 ? pool.pop() : undefined;
    if (key === undefined) {
      const end = random.pick(['', '\xff', '\0']);
      // At most one, so that no key is deleted twice.
      if (!hasDeletedFrom && random.chance(0.15)) {
        hasDeletedFrom = true;
        return { kind: 'delete', key: random.pick(KEYS), end: '\0' };
      }
      return { kind: 'range', key: random.pick(KEYS), end, limit: random.int(0, 3) };
    }
    if (roll > 0.6) return { kind: 'delete', key, end: '' };
    const lease = random.chance(0.2) ? (options.leases[random.int(0, options.leases.length)] ?? 0n) : 0n;
    return { kind: 'put', key, id: `${options.id}#${ids++}`, lease };
  };
  const txn = (pool: string[], depth: number): SimTxn => {
    const compares = Array.from({ length: random.int(0, 2) }, () => {
      const key = random.pick(KEYS);
      return { key, revision: random.chance(0.8) ? (options.known.get(key) ?? 0) : 0 };
    });
    return { compares, success: branch([...pool], depth), failure: branch([...pool], depth) };
  };
  const pool: string[] = [...KEYS];
  for (let i = pool.length - 1; i > 0; i--) {
    const j = random.int(0, i);
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  return txn(pool, 1);
}

/** Evaluates it as etcd does: all compares before anything else, then the operations in order. */
export function evaluate(txn: SimTxn, before: ReadonlyMap<string, Held>, revision: number): Effect {
  const now = new Map(before);
  const changes: { kind: 'put' | 'delete'; key: string; id: string }[] = [];
  const current = () => (changes.length > 0 ? revision + 1 : revision);
  const inRange = (key: string, end: string) =>
    [...now].filter(([name]) => isIn(name, key, end)).sort(([a], [b]) => (a < b ? -1 : 1));
  const run = (op: SimOp): string => {
    switch (op.kind) {
      case 'txn':
        return all(op.txn);
      case 'put': {
        const previous = now.get(op.key);
        now.set(op.key, { mod: revision + 1, id: op.id });
        changes.push({ kind: 'put', key: op.key, id: op.id });
        return `put ${current()} ${previous === undefined ? '-' : shown([op.key, previous])}`;
      }
      case 'delete': {
        const found = inRange(op.key, op.end);
        for (const [key] of found) {
          now.delete(key);
          changes.push({ kind: 'delete', key, id: '' });
        }
        return `delete ${current()} ${found.map(shown).join()}`;
      }
      case 'range': {
        const found = inRange(op.key, op.end);
        const kept = op.limit > 0 ? found.slice(0, op.limit) : found;
        return `range ${current()} ${found.length} ${kept.length < found.length} ${kept.map(shown).join()}`;
      }
    }
  };
  const decided = new Map<SimTxn, boolean>();
  const decide = (each: SimTxn): void => {
    const succeeded = each.compares.every(({ key, revision: mod }) => (before.get(key)?.mod ?? 0) === mod);
    decided.set(each, succeeded);
    for (const op of succeeded ? each.success : each.failure) if (op.kind === 'txn') decide(op.txn);
  };
  const all = (each: SimTxn): string => {
    const succeeded = decided.get(each)!;
    return `txn ${succeeded} [${(succeeded ? each.success : each.failure).map(run).join('; ')}]`;
  };
  decide(txn);
  const answer = all(txn);
  return { changes, answer };
}

/** Whether it can delete this key, whatever its compares say. */
export function mayDelete({ success, failure }: SimTxn, key: string): boolean {
  return [...success, ...failure].some((op) => {
    if (op.kind === 'txn') return mayDelete(op.txn, key);
    return op.kind === 'delete' && isIn(key, op.key, op.end);
  });
}

export function depthOf({ success, failure }: SimTxn): number {
  return 1 + Math.max(0, ...[...success, ...failure].map((op) => (op.kind === 'txn' ? depthOf(op.txn) : 0)));
}

function isIn(name: string, key: string, end: string): boolean {
  return end === '' ? name === key : name >= key && (end === '\0' || name < end);
}

const shown = ([key, { mod, id }]: readonly [string, Held]): string => `${key}@${mod}=${id}`;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** As a request; `pad` goes behind each value. */
export function requestOf(txn: SimTxn, pad: string): TxnRequest {
  const op = (each: SimOp): RequestOp => {
    switch (each.kind) {
      case 'txn':
        return { kind: 'txn', request: requestOf(each.txn, pad) };
      case 'put': {
        const flags = { prevKv: true, ignoreValue: false, ignoreLease: false };
        const value = bytes(each.id + pad);
        return { kind: 'put', request: { key: bytes(each.key), value, lease: each.lease, ...flags } };
      }
      case 'delete': {
        const { key, end } = each;
        return { kind: 'deleteRange', request: { key: bytes(key), rangeEnd: bytes(end), prevKv: true } };
      }
      case 'range': {
        const flags = { sortOrder: 0, sortTarget: 0, keysOnly: false, countOnly: false, serializable: false };
        const filters = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 };
        const { key, end, limit } = each;
        const request = { key: bytes(key), rangeEnd: bytes(end), limit, revision: 0, ...flags, ...filters };
        return { kind: 'range', request };
      }
    }
  };
  const compare = txn.compares.map(({ key, revision: value }) => ({
    ...{ result: 0, target: 2, key: bytes(key), rangeEnd: EMPTY_BYTES },
    operand: { kind: 'modRevision', value } as const,
  }));
  return { compare, success: txn.success.map(op), failure: txn.failure.map(op) };
}

/** An answer in words, all of it but what the padding of values is. */
export function describe({ succeeded, responses }: TxnResult): string {
  return `txn ${succeeded} [${responses.map(describeOp).join('; ')}]`;
}

function describeOp(response: OpResult): string {
  switch (response.kind) {
    case 'txn':
      return describe(response.result);
    case 'put': {
      const { revision, prevKv } = response.result;
      return `put ${revision} ${prevKv === undefined ? '-' : describeKv(prevKv)}`;
    }
    case 'deleteRange': {
      const { revision, deleted, prevKvs } = response.result;
      const all = Array.from({ length: deleted }, (_, i) => describeKv(prevKvs.run(i)));
      return `delete ${revision} ${all.join()}`;
    }
    case 'range': {
      const { revision, count, more, kvs } = response.result;
      const all = Array.from({ length: kvs.count }, (_, i) => describeKv(kvs.run(i)));
      return `range ${revision} ${count} ${more} ${all.join()}`;
    }
  }
}

function describeKv(body: Uint8Array): string {
  const { key, value, modRevision } = decodeKeyValue(body);
  return shown([latin1(key), { mod: modRevision, id: latin1(value).split(';')[0]! }]);
}

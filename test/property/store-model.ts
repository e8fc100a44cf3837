/**
 * etcd as a small obvious program: a plain copy of all keys for every revision. What the store answers is compared with
 * what this answers, field by field. Keys and values are latin1 strings; requests are wire's, decoded.
 */
import { encodeKeyValue } from '../../src/wire/index.ts';
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/wire/index.ts';

export interface ModelKv {
  key: string;
  create: number;
  mod: number;
  version: number;
  value: string;
  lease: bigint;
}
type State = Map<string, ModelKv>;
interface Change {
  main: number;
  sub: number;
  key: string;
  kv: ModelKv | undefined;
}

/** An error of etcd by the name of its variable. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface ModelRange {
  kind: 'range';
  revision: number;
  count: number;
  more: boolean;
  kvs: ModelKv[];
}
export interface ModelPut {
  kind: 'put';
  revision: number;
  prevKv: ModelKv | undefined;
}
export interface ModelDelete {
  kind: 'deleteRange';
  revision: number;
  deleted: number;
  prevKvs: ModelKv[];
}
export interface ModelTxn {
  kind: 'txn';
  revision: number;
  succeeded: boolean;
  responses: ModelResponse[];
}
export type ModelResponse = ModelRange | ModelPut | ModelDelete | ModelTxn;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export class StoreModel {
  revision = 1;
  compacted = -1;
  readonly leases = new Map<bigint, number>();
  /** The keys at each revision. */
  readonly states = new Map<number, State>([[1, new Map()]]);
  readonly changes: Change[] = [];
  /** The transaction under way: the keys as it has left them, and how many changes it has made. */
  #keys: State = new Map();
  #changed = 0;

  range(request: RangeRequest): ModelRange {
    return this.#range(request, this.revision, this.#at(this.revision));
  }

  put(request: PutRequest): ModelPut {
    return this.#write(() => {
      if (request.key.length === 0) throw new Refused('EmptyKey');
      if (request.ignoreValue && request.value.length > 0) throw new Refused('ValueProvided');
      if (request.ignoreLease && request.lease !== 0n) throw new Refused('LeaseProvided');
      if (request.lease !== 0n && !this.leases.has(request.lease)) throw new Refused('LeaseNotFound');
      if ((request.ignoreValue || request.ignoreLease) && !this.#keys.has(text(request.key)))
        throw new Refused('KeyNotFound');
      return this.#put(request);
    });
  }

  deleteRange(request: DeleteRangeRequest): ModelDelete {
    return this.#write(() => {
      if (request.key.length === 0) throw new Refused('EmptyKey');
      return this.#delete(request);
    });
  }

  txn(request: TxnRequest, opsMax = 128): ModelTxn {
    this.#checkOps(request, opsMax);
    this.#intervals(request.success);
    this.#intervals(request.failure);
    return this.#write(() => {
      const before = new Map(this.#keys);
      const path = new Map<TxnRequest, boolean>();
      this.#decide(request, before, path);
      this.#check(request, before, path, []);
      const result = this.#run(request, path);
      result.revision = this.revision + (this.#changed > 0 ? 1 : 0);
      return result;
    });
  }

  compact(revision: number): number {
    if (revision <= this.compacted) throw new Refused('Compacted');
    if (revision > this.revision) throw new Refused('FutureRev');
    this.compacted = revision;
    return this.revision;
  }

  grant(id: bigint, ttl: number): { revision: number; ttl: number } {
    if (ttl > 9_000_000_000) throw new Refused('LeaseTTLTooLarge');
    if (this.leases.has(id)) throw new Refused('LeaseExist');
    this.leases.set(id, Math.max(2, ttl));
    return { revision: this.revision, ttl: Math.max(2, ttl) };
  }

  revoke(id: bigint): number {
    if (!this.leases.delete(id)) throw new Refused('LeaseNotFound');
    this.#write(() => {
      for (const key of this.attached(id)) this.#change(key, undefined);
    });
    return this.revision;
  }

  attached(id: bigint): string[] {
    const keys = [...this.#at(this.revision).values()].filter((kv) => kv.lease === id).map((kv) => kv.key);
    return keys.sort();
  }

  /** HashKV, as etcd's kvHasher would see its backend after a finished compaction. */
  hashKv(requested: number): number {
    if (requested > 0 && requested < this.compacted) throw new Refused('Compacted');
    if (requested > this.revision) throw new Refused('FutureRev');
    const revision = requested === 0 ? this.revision : requested;
    const keep = revision > 0 ? newestAt(this.changes, revision).filter(({ kv }) => kv !== undefined) : [];
    const stored = newestAt(this.changes, this.compacted).filter(({ kv }) => kv !== undefined);
    const rows = this.changes.filter((change) => {
      if (change.main > revision) return false;
      return change.main > this.compacted || (keep.length > 0 ? keep : stored).includes(change);
    });
    let sum = crc32c(0, Buffer.from('key'));
    for (const { main, sub, key, kv } of rows) {
      const id = Buffer.alloc(17, '_');
      id.writeBigInt64BE(BigInt(main), 0);
      id.writeBigInt64BE(BigInt(sub), 9);
      sum = crc32c(sum, kv === undefined ? Buffer.concat([id, Buffer.from('t')]) : id);
      const bytes = Buffer.from(kv?.value ?? '', 'latin1');
      const { create = 0, mod = 0, version = 0, lease = 0n } = kv ?? {};
      const fields = { createRevision: create, modRevision: mod, version, value: bytes, lease };
      sum = crc32c(sum, encodeKeyValue({ key: Buffer.from(key, 'latin1'), ...fields }));
    }
    return sum;
  }

  #at(revision: number): State {
    return this.states.get(revision)!;
  }

  #write<T>(run: () => T): T {
    this.#keys = new Map(this.#at(this.revision));
    this.#changed = 0;
    const result = run();
    if (this.#changed > 0) this.states.set(++this.revision, this.#keys);
    return result;
  }

  #change(key: string, kv: ModelKv | undefined): void {
    this.changes.push({ main: this.revision + 1, sub: this.#changed++, key, kv });
    if (kv === undefined) this.#keys.delete(key);
    else this.#keys.set(key, kv);
  }

  #range(request: RangeRequest, current: number, keys: State): ModelRange {
    if (request.key.length === 0) throw new Refused('EmptyKey');
    if (request.sortOrder < 0 || request.sortOrder > 2 || request.sortTarget < 0 || request.sortTarget > 4)
      throw new Refused('InvalidSortOption');
    if (request.revision > current) throw new Refused('FutureRev');
    const revision = request.revision <= 0 ? current : request.revision;
    if (revision < this.compacted) throw new Refused('Compacted');
    const from = request.revision <= 0 || request.revision === current ? keys : this.#at(revision);
    let kvs = inRange(from, text(request.key), text(request.rangeEnd));
    const count = kvs.length;
    if (request.countOnly) return { kind: 'range', revision: current, count, more: false, kvs: [] };
    const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision, limit } = request;
    const filters =
      minModRevision !== 0 || maxModRevision !== 0 || minCreateRevision !== 0 || maxCreateRevision !== 0;
    // Without an order and without filters the limit comes first, whatever the target.
    if (request.sortOrder === 0 && !filters && limit > 0) kvs = kvs.slice(0, limit + 1);
    if (maxModRevision !== 0) kvs = kvs.filter((kv) => kv.mod <= maxModRevision);
    if (minModRevision !== 0) kvs = kvs.filter((kv) => kv.mod >= minModRevision);
    if (maxCreateRevision !== 0) kvs = kvs.filter((kv) => kv.create <= maxCreateRevision);
    if (minCreateRevision !== 0) kvs = kvs.filter((kv) => kv.create >= minCreateRevision);
    const field = (['key', 'version', 'create', 'mod', 'value'] as const)[request.sortTarget]!;
    const sign = request.sortOrder === 2 ? -1 : 1;
    kvs = [...kvs].sort((a, b) => sign * (a[field] < b[field] ? -1 : a[field] > b[field] ? 1 : 0));
    const more = limit > 0 && kvs.length > limit;
    if (more) kvs = kvs.slice(0, limit);
    // From the index, which knows no leases, unless the values are needed to sort by them.
    const knowsLease = request.sortTarget === 4;
    if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: '', lease: knowsLease ? kv.lease : 0n }));
    return { kind: 'range', revision: current, count, more, kvs };
  }

  #put(request: PutRequest): ModelPut {
    const key = text(request.key);
    const old = this.#keys.get(key);
    this.#change(key, {
      key,
      create: old?.create ?? this.revision + 1,
      mod: this.revision + 1,
      version: (old?.version ?? 0) + 1,
      value: request.ignoreValue ? old!.value : text(request.value),
      lease: request.ignoreLease ? old!.lease : request.lease,
    });
    return { kind: 'put', revision: this.revision + 1, prevKv: request.prevKv ? old : undefined };
  }

  #delete(request: DeleteRangeRequest): ModelDelete {
    const kvs = inRange(this.#keys, text(request.key), text(request.rangeEnd));
    for (const { key } of kvs) this.#change(key, undefined);
    const revision = this.revision + (this.#changed > 0 ? 1 : 0);
    return { kind: 'deleteRange', revision, deleted: kvs.length, prevKvs: request.prevKv ? kvs : [] };
  }

  // ---- Transactions

  #checkOps(request: TxnRequest, budget: number): void {
    const used = Math.max(request.compare.length, request.success.length, request.failure.length);
    if (used > budget) throw new Refused('TooManyOps');
    if (request.compare.some(({ key }) => key.length === 0)) throw new Refused('EmptyKey');
    for (const op of [...request.success, ...request.failure]) {
      if (op.kind === 'none') throw new Refused('KeyNotFound');
      if (op.kind === 'txn') {
        this.#checkOps(op.request, budget - used);
        continue;
      }
      if (op.request.key.length === 0) throw new Refused('EmptyKey');
      if (op.kind === 'range') {
        const { sortOrder, sortTarget } = op.request;
        if (sortOrder < 0 || sortOrder > 2 || sortTarget < 0 || sortTarget > 4)
          throw new Refused('InvalidSortOption');
      }
      if (op.kind === 'put') {
        if (op.request.ignoreValue && op.request.value.length > 0) throw new Refused('ValueProvided');
        if (op.request.ignoreLease && op.request.lease !== 0n) throw new Refused('LeaseProvided');
      }
    }
  }

  /** etcd's checkIntervals, line by line but with lists. */
  #intervals(ops: readonly RequestOp[]): { puts: Set<string>; deletes: [string, string][] } {
    const deletes: [string, string][] = [];
    const puts = new Set<string>();
    const refuseDeleted = (key: string): void => {
      if (deletes.some(([from, to]) => from <= key && key < to)) throw new Refused('DuplicateKey');
    };
    for (const op of ops) {
      if (op.kind !== 'deleteRange') continue;
      const key = text(op.request.key);
      deletes.push([key, op.request.rangeEnd.length === 0 ? `${key}\0` : text(op.request.rangeEnd)]);
    }
    for (const op of ops) {
      if (op.kind !== 'txn') continue;
      const onThen = this.#intervals(op.request.success);
      const onElse = this.#intervals(op.request.failure);
      for (const key of onThen.puts) {
        if (puts.has(key)) throw new Refused('DuplicateKey');
        refuseDeleted(key);
        puts.add(key);
      }
      for (const key of onElse.puts) {
        if (puts.has(key) && !onThen.puts.has(key)) throw new Refused('DuplicateKey');
        refuseDeleted(key);
        puts.add(key);
      }
      deletes.push(...onThen.deletes, ...onElse.deletes);
    }
    for (const op of ops) {
      if (op.kind !== 'put') continue;
      const key = text(op.request.key);
      if (puts.has(key)) throw new Refused('DuplicateKey');
      refuseDeleted(key);
      puts.add(key);
    }
    return { puts, deletes };
  }

  #decide(request: TxnRequest, before: State, path: Map<TxnRequest, boolean>): void {
    const succeeded = request.compare.every((compare) => this.#holds(compare, before));
    path.set(request, succeeded);
    for (const op of succeeded ? request.success : request.failure)
      if (op.kind === 'txn') this.#decide(op.request, before, path);
  }

  #holds(compare: Compare, before: State): boolean {
    const kvs: (ModelKv | undefined)[] = inRange(before, text(compare.key), text(compare.rangeEnd));
    if (kvs.length === 0) kvs.push(undefined);
    return kvs.every((kv) => holdsFor(compare, kv));
  }

  #check(request: TxnRequest, before: State, path: Map<TxnRequest, boolean>, deletedFrom: string[]): void {
    for (const op of path.get(request)! ? request.success : request.failure) {
      if (op.kind === 'range' && op.request.revision !== 0) {
        if (op.request.revision > this.revision) throw new Refused('FutureRev');
        if (op.request.revision < this.compacted) throw new Refused('Compacted');
      }
      if (op.kind === 'deleteRange' && text(op.request.rangeEnd) === '\0')
        deletedFrom.push(text(op.request.key));
      if (op.kind === 'put') {
        const key = text(op.request.key);
        if (op.request.ignoreValue || op.request.ignoreLease) {
          if (!before.has(key) || deletedFrom.some((from) => from <= key)) throw new Refused('KeyNotFound');
        }
        if (op.request.lease !== 0n && !this.leases.has(op.request.lease)) throw new Refused('LeaseNotFound');
      }
      if (op.kind === 'txn') this.#check(op.request, before, path, deletedFrom);
    }
  }

  #run(request: TxnRequest, path: Map<TxnRequest, boolean>): ModelTxn {
    const succeeded = path.get(request)!;
    const responses = (succeeded ? request.success : request.failure).map((op): ModelResponse => {
      if (op.kind === 'put') return this.#put(op.request);
      if (op.kind === 'deleteRange') return this.#delete(op.request);
      if (op.kind === 'txn') return this.#run(op.request, path);
      if (op.kind === 'none') throw new Refused('KeyNotFound');
      const current = this.revision + (this.#changed > 0 ? 1 : 0);
      return this.#range(op.request, current, this.#keys);
    });
    return { kind: 'txn', revision: 0, succeeded, responses };
  }
}

/** The last change of each key up to a revision. */
function newestAt(changes: readonly Change[], revision: number): Change[] {
  const newest = new Map<string, Change>();
  for (const change of changes) if (change.main <= revision) newest.set(change.key, change);
  return [...newest.values()];
}

/** Bit by bit, to hold the tables against. */
function crc32c(start: number, bytes: Uint8Array): number {
  let sum = ~start;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum & 1) * 0x82f63b78);
  }
  return ~sum >>> 0;
}

function inRange(keys: State, from: string, to: string): ModelKv[] {
  const isIn = (key: string): boolean => {
    if (to === '') return key === from;
    return key >= from && (to === '\0' || key < to);
  };
  return [...keys.values()].filter((kv) => isIn(kv.key)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function holdsFor(compare: Compare, kv: ModelKv | undefined): boolean {
  const { operand } = compare;
  let found: number | bigint | string = 0;
  let expected: number | bigint | string = 0;
  if (compare.target === 0)
    [found, expected] = [kv?.version ?? 0, operand.kind === 'version' ? operand.value : 0];
  if (compare.target === 1)
    [found, expected] = [kv?.create ?? 0, operand.kind === 'createRevision' ? operand.value : 0];
  if (compare.target === 2)
    [found, expected] = [kv?.mod ?? 0, operand.kind === 'modRevision' ? operand.value : 0];
  if (compare.target === 3) {
    if (kv === undefined) return false;
    [found, expected] = [kv.value, operand.kind === 'value' ? text(operand.value) : ''];
  }
  if (compare.target === 4)
    [found, expected] = [kv?.lease ?? 0n, operand.kind === 'lease' ? operand.value : 0n];
  if (compare.result === 0) return found === expected;
  if (compare.result === 1) return found > expected;
  if (compare.result === 2) return found < expected;
  if (compare.result === 3) return found !== expected;
  return true;
}

/** A store that a test drives: its own clock, memory or level below it, promises for calls, plain objects for answers. */
import { EMPTY_BYTES, SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { ByteRuns, Cancel, Clock, Scheduler } from '../../src/base/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { Store } from '../../src/store/index.ts';
import type {
  StoreError,
  DeleteRangeResult,
  Engine,
  OpResult,
  RangeResult,
  StoreOptions,
  TxnResult,
} from '../../src/store/index.ts';
import { decodeKeyValue } from '../../src/wire/index.ts';
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/wire/index.ts';
import { Refused } from './store-model.ts';
import type { ModelDelete, ModelKv, ModelPut, ModelRange, ModelResponse, ModelTxn } from './store-model.ts';

/** Turns are real, so that promises and engines move on; time passes only in `advance`. */
export class TestTime implements Clock, Scheduler {
  #nowMs = 1000;
  #timers: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }
  soon(run: () => void): void {
    setImmediate(run);
  }
  after(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets `ms` pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.run();
      await turns();
    }
    this.#nowMs = endMs;
    await turns();
  }

  /** The process stood still: all that was due meanwhile comes late. */
  pause(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Some turns of the event loop. */
export async function turns(count = 8): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The result of a call that takes a callback. Rejects with Refused. */
export function call<T>(
  start: (done: (error: StoreError | undefined, result: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error === undefined) resolve(result);
      else reject(new Refused(error.code));
    });
  });
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const text = (view: Uint8Array): string => Buffer.from(view).toString('latin1');

export function range(key: string, rangeEnd = '', more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: bytes(key),
    rangeEnd: bytes(rangeEnd),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...more,
  };
}
export function put(key: string, value = '', more: Partial<PutRequest> = {}): PutRequest {
  const rest = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { key: bytes(key), value: bytes(value), ...rest, ...more };
}
export function deleteRange(key: string, rangeEnd = '', prevKv = false): DeleteRangeRequest {
  return { key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv };
}
export const op = {
  range: (...of: Parameters<typeof range>): RequestOp => ({ kind: 'range', request: range(...of) }),
  put: (...of: Parameters<typeof put>): RequestOp => ({ kind: 'put', request: put(...of) }),
  deleteRange: (...of: Parameters<typeof deleteRange>): RequestOp => ({
    kind: 'deleteRange',
    request: deleteRange(...of),
  }),
  txn: (...of: Parameters<typeof txn>): RequestOp => ({ kind: 'txn', request: txn(...of) }),
};
export function txn(compare: Compare[], success: RequestOp[], failure: RequestOp[] = []): TxnRequest {
  return { compare, success, failure };
}
export function compare(key: string, more: Partial<Compare>): Compare {
  return { result: 0, target: 0, key: bytes(key), rangeEnd: EMPTY_BYTES, operand: { kind: 'none' }, ...more };
}

/** Answers as the model gives them. */
export function plainKv(body: Uint8Array): ModelKv {
  const kv = decodeKeyValue(body);
  return {
    key: text(kv.key),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    value: text(kv.value),
    lease: kv.lease,
  };
}
export function plainKvs(runs: ByteRuns): ModelKv[] {
  return Array.from({ length: runs.count }, (_, i) => plainKv(runs.run(i)));
}
export function plainRange(result: RangeResult): ModelRange {
  const { revision, count, more, kvs } = result;
  return { kind: 'range', revision, count, more, kvs: plainKvs(kvs) };
}
function plainPut(result: { revision: number; prevKv: Uint8Array | undefined }): ModelPut {
  const prevKv = result.prevKv === undefined ? undefined : plainKv(result.prevKv);
  return { kind: 'put', revision: result.revision, prevKv };
}
function plainDelete({ revision, deleted, prevKvs }: DeleteRangeResult): ModelDelete {
  return { kind: 'deleteRange', revision, deleted, prevKvs: plainKvs(prevKvs) };
}
function plainOp(response: OpResult): ModelResponse {
  if (response.kind === 'range') return plainRange(response.result);
  if (response.kind === 'put') return plainPut(response.result);
  if (response.kind === 'deleteRange') return plainDelete(response.result);
  return plainTxn(response.result);
}
function plainTxn({ revision, succeeded, responses }: TxnResult): ModelTxn {
  return { kind: 'txn', revision, succeeded, responses: responses.map(plainOp) };
}

/** A store and its calls as promises of plain answers. */
export class StoreWorld {
  readonly time = new TestTime();
  readonly engine: Engine;
  store!: Store;
  readonly #options: Partial<StoreOptions>;

  constructor(engine: Engine, options: Partial<StoreOptions>) {
    this.engine = engine;
    this.#options = options;
  }

  static async open(
    options: Partial<StoreOptions> = {},
    engine: Engine = new MemoryEngine(),
  ): Promise<StoreWorld> {
    const world = new StoreWorld(engine, options);
    await world.reopen();
    return world;
  }

  /** A store that follows whoever leads on `engine`. */
  static async follow(options: Partial<StoreOptions>, engine: Engine): Promise<StoreWorld> {
    const world = new StoreWorld(engine, options);
    world.store = await Store.follow(world.#all());
    return world;
  }

  /** Starts the store again from what the engine holds; the one before is left as a crash leaves it. */
  async reopen(): Promise<void> {
    this.store = await Store.open(this.#all());
  }

  #all(): StoreOptions {
    return {
      engine: this.engine,
      keyspace: 'test',
      name: 'node',
      clock: this.time,
      scheduler: this.time,
      random: new SeededRandom(7),
      logger: silentLogger,
      lease: { holds: () => true },
      ...this.#options,
    };
  }

  async range(request: RangeRequest): Promise<ModelRange> {
    return plainRange(await call<RangeResult>((done) => this.store.range(request, done)));
  }
  async put(request: PutRequest, size = 0): Promise<ModelPut> {
    return plainPut(await call((done) => this.store.put(request, size, done)));
  }
  async deleteRange(request: DeleteRangeRequest): Promise<ModelDelete> {
    return plainDelete(await call((done) => this.store.deleteRange(request, 0, done)));
  }
  async txn(request: TxnRequest): Promise<ModelTxn> {
    return plainTxn(await call((done) => this.store.txn(request, 0, done)));
  }
  async compact(revision: number, physical = false): Promise<number> {
    return (await call<{ revision: number }>((done) => this.store.compact({ revision, physical }, done)))
      .revision;
  }
  async grant(id: bigint, ttl: number): Promise<{ revision: number; id: bigint; ttl: number }> {
    const {
      revision,
      id: granted,
      ttl: seconds,
    } = await call<{ revision: number; id: bigint; ttl: number }>((done) =>
      this.store.leaseGrant({ id, ttl }, done),
    );
    return { revision, id: granted, ttl: seconds };
  }
  async revoke(id: bigint): Promise<number> {
    return (await call<{ revision: number }>((done) => this.store.leaseRevoke(id, done))).revision;
  }
  async keepAlive(id: bigint): Promise<number> {
    return (await call<{ ttl: number }>((done) => this.store.leaseKeepAlive(id, done))).ttl;
  }
  async timeToLive(id: bigint): Promise<{ ttl: number; grantedTtl: number; keys: string[] }> {
    const { ttl, grantedTtl, keys } = await call<{ ttl: number; grantedTtl: number; keys: Uint8Array[] }>(
      (done) => this.store.leaseTimeToLive(id, true, done),
    );
    return { ttl, grantedTtl, keys: keys.map(text).sort() };
  }
}

/** An engine whose commits a test holds back, loses or lets through. Uncertain ones have not landed. */
export class GatedEngine extends MemoryEngine {
  #gate: Promise<void> | undefined;
  #open: () => void = () => undefined;
  /** Commits answer this instead of being done. */
  uncertain: Error | undefined;
  commits = 0;

  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }
  release(): void {
    this.#gate = undefined;
    this.#open();
  }

  override async commit(...of: Parameters<MemoryEngine['commit']>): ReturnType<MemoryEngine['commit']> {
    await this.#gate;
    this.commits++;
    if (this.uncertain !== undefined) return { kind: 'uncertain', cause: this.uncertain };
    return super.commit(...of);
  }
}

/** Puts `count` keys named PREFIX + number, six digits, 128 to a transaction. */
export async function fill(
  world: StoreWorld,
  prefix: string,
  count: number,
  value = 'v',
  lease = 0n,
): Promise<void> {
  for (let at = 0; at < count; at += 128) {
    const puts: RequestOp[] = [];
    for (let i = at; i < Math.min(count, at + 128); i++) {
      puts.push(op.put(`${prefix}${String(i).padStart(6, '0')}`, value, { lease }));
    }
    await world.txn(txn([], puts));
  }
}

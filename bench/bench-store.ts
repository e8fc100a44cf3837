import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scheduler } from '../src/base/index.ts';
import type { Engine } from '../src/engine/index.ts';
import type { Store } from '../src/store/index.ts';
import type { PutRequest, RangeRequest } from '../src/wire/index.ts';
import { base, level, memory, runtime, store as rooms } from './built.ts';

export type EngineKind = 'memory' | 'level';

/** A store on an engine of its own, as the server composes it. */
export interface BenchStore extends AsyncDisposable {
  readonly store: Store;
  readonly engine: Engine;
  /** Starts again on the same engine; gives the milliseconds of it. */
  reopen(): Promise<{ store: Store; elapsedMs: number }>;
}

export async function openBenchStore(
  kind: EngineKind,
  scheduler: Scheduler = new runtime.NodeScheduler(),
): Promise<BenchStore> {
  const directory = mkdtempSync(join(tmpdir(), 'engram-bench-'));
  const engine: Engine =
    kind === 'memory' ? new memory.MemoryEngine() : await level.LevelEngine.open({ directory });
  const clock = new runtime.NodeClock();
  const open = (): Promise<Store> =>
    rooms.Store.open({
      ...{ engine, clock, scheduler, logger: base.silentLogger, lease: { holds: () => true } },
      random: new base.SeededRandom(1),
      keyspace: 'bench',
      name: 'bench',
    });
  let store = await open();
  return {
    get store() {
      return store;
    },
    engine,
    async reopen() {
      await store.close();
      const start = performance.now();
      store = await open();
      return { store, elapsedMs: performance.now() - start };
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const KEY_BYTES = 64;
const keyHead = '/registry/pods/namespace-';

/** Key number `n` of a store: 64 bytes, like Kubernetes' keys, in an order that has nothing to do with `n`. */
export function keyOf(n: number): Buffer {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0;
  const text = `${keyHead}${String(mixed % 100).padStart(3, '0')}/pod-${mixed.toString(16).padStart(8, '0')}-${n.toString(36)}`;
  return Buffer.from(text.padEnd(KEY_BYTES, 'x'));
}

const NOTHING = Buffer.alloc(0);

export function putRequest(key: Uint8Array, value: Uint8Array): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

export function rangeRequest(key: Uint8Array, more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    ...{ key, rangeEnd: NOTHING, limit: 0, revision: 0, sortOrder: 0, sortTarget: 0, serializable: true },
    ...{ keysOnly: false, countOnly: false },
    ...{ minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 },
    ...more,
  };
}

export interface Callers {
  /** Puts in all. Infinity: until stopped. */
  readonly count: number;
  /** Calls under way at any time. */
  readonly callers: number;
  readonly valueBytes: number;
  readonly keyAt: (n: number) => Uint8Array;
}

/** Puts `keyAt(0..count-1)`; gives the last revision. */
export function putAll(store: Store, callers: Callers): Promise<number> {
  return startPuts(store, callers).ended;
}

/**
 * So many callers who each wait for their answer before their next put. Their calls come in turns of the event loop, all
 * together, as they do from sockets: a caller that answered at once would never let the turn of the memory engine end.
 */
export function startPuts(store: Store, options: Callers): { ended: Promise<number>; stop(): number } {
  const { callers, keyAt } = options;
  let { count } = options;
  const value = valueOf(options.valueBytes);
  let [next, answered, idle, last] = [0, 0, Math.min(callers, count), 0];
  let ended: (revision: number) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const promise = new Promise<number>((resolve, reject) => ([ended, failed] = [resolve, reject]));
  const answer: Parameters<Store['put']>[2] = (error, { revision }) => {
    if (error !== undefined) return failed(error);
    last = revision;
    if (++answered >= count) return ended(last);
    if (idle++ === 0) setImmediate(turn);
  };
  const turn = (): void => {
    for (; idle > 0; idle--) {
      if (next >= count) continue;
      const key = keyAt(next++);
      store.put(putRequest(key, value), key.length + value.length + 8, answer);
    }
  };
  turn();
  const stop = (): number => {
    count = next;
    if (answered === count) ended(last);
    return count;
  };
  return { ended: promise, stop };
}

/** Text that cannot be compressed to less than half, as values of Kubernetes are at best. */
export function valueOf(bytes: number): Buffer {
  const random = new base.SeededRandom(bytes);
  return Buffer.from(Array.from({ length: bytes }, () => 48 + Math.floor(random.next() * 64)));
}

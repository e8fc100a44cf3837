import type { Bytes } from '../../src/base/index.ts';
import type { Batch, CommitResult, Engine, Entry, ScanRange, Snapshot } from '../../src/engine/index.ts';
import { EngineError } from '../../src/engine/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import type { World } from './world.ts';

/** `owner`: who has sent them. */
type Landed = (writes: Batch['writes'], owner: string) => void;

/** Chances, and times at most. May change under way. */
export interface EngineTrouble {
  readonly uncertain: number;
  /** How late an uncertain commit lands. */
  readonly lateMs: number;
  readonly engineTail: number;
  readonly tailMs: number;
  /** A commit conflicts with another one that is gone again: its condition holds after all. */
  readonly conflicts?: number;
}

/** How long a request of a node that does not reach the store waits before it fails. */
const CUT_OFF_MS = 150;

/**
 * The real memory engine as a store that others share: a request takes time, takes effect at one instant, and its answer
 * takes time. An uncertain commit lands at once, later (also after its node has sent it again, moved on or crashed), or
 * never. `onLanded` sees every commit at the instant it takes effect.
 */
export class SimStore {
  onLanded: Landed = () => undefined;
  /** Nodes that do not reach the store, by their owners. */
  readonly cutOff = new Set<string>();
  readonly #engine = new MemoryEngine();
  readonly #world: World;
  readonly #profile: EngineTrouble;
  readonly #never = new AbortController().signal;

  constructor(world: World, profile: EngineTrouble) {
    this.#world = world;
    this.#profile = profile;
  }

  /** The store as one incarnation of a node sees it: what it waits for never comes once it is dead. */
  engineOf(owner: string): Engine {
    const { capabilities } = this.#engine;
    return {
      capabilities: { ...capabilities, durable: true },
      snapshot: () => this.#later(owner, () => this.#engine.snapshot()),
      commit: (batch) => this.#commit(owner, copyOf(batch)),
      sizeBytes: () => this.#engine.sizeBytes(),
      compact: () => this.#engine.compact(),
      close: () => Promise.resolve(),
    };
  }

  /**
   * The store as one of several nodes sees it: as far away as a cluster of TiKV is. Reads of a snapshot take time as well;
   * nothing gets through while the node is cut off.
   */
  sharedEngineOf(owner: string): Engine {
    const engine = this.engineOf(owner);
    const near = <T>(act: () => Promise<T>): Promise<T> =>
      this.cutOff.has(owner) ? this.#unavailable(owner) : this.#later(owner, act);
    return {
      ...engine,
      capabilities: { ...engine.capabilities, shared: true },
      snapshot: () => near(async () => delayed(await this.#engine.snapshot(), near)),
      sizeBytes: () => near(() => this.#engine.sizeBytes()),
      commit: (batch, signal) => {
        if (signal.aborted) return Promise.reject(new EngineError('aborted', 'Cannot commit: aborted'));
        const { random } = this.#world;
        if (this.cutOff.has(owner)) return this.#commitCutOff(owner, copyOf(batch));
        if (!random.chance(this.#profile.conflicts ?? 0)) return engine.commit(batch, signal);
        const conflict = { kind: 'conflict', key: batch.conditions[0]!.key } as const;
        return this.#later(owner, () => Promise.resolve(conflict));
      },
    };
  }

  snapshot(): Promise<Snapshot> {
    return this.#engine.snapshot();
  }

  #unavailable(owner: string): Promise<never> {
    return new Promise((_resolve, reject) => {
      const error = new EngineError('unavailable', 'Cannot read: the store is not reached');
      this.#world.schedule(owner, CUT_OFF_MS, () => reject(error));
    });
  }

  /** The connection has broken before the answer; seldom behind the request, which may be on its way for long. */
  #commitCutOff(owner: string, batch: Batch): Promise<CommitResult> {
    const { random } = this.#world;
    if (random.chance(0.02))
      this.#world.schedule(
        'store',
        random.next() ** 3 * this.#profile.lateMs,
        () => void this.#land(batch, owner),
      );
    else if (random.chance(0.3)) return this.#unavailable(owner);
    const cause = new Error('the store is not reached');
    return new Promise((resolve) => {
      this.#world.schedule(owner, CUT_OFF_MS, () => resolve({ kind: 'uncertain', cause }));
    });
  }

  #later<T>(owner: string, act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#world.schedule('store', this.#latencyMs(), () => {
        act().then((result) => this.#world.schedule(owner, this.#latencyMs(), () => resolve(result)), reject);
      });
    });
  }

  #commit(owner: string, batch: Batch): Promise<CommitResult> {
    const { random } = this.#world;
    if (!random.chance(this.#profile.uncertain)) return this.#later(owner, () => this.#land(batch, owner));
    const arrivesMs = this.#latencyMs();
    const fate = random.next();
    const land = () => void this.#land(batch, owner);
    if (fate < 0.33)
      this.#world.schedule('store', arrivesMs + random.next() ** 3 * this.#profile.lateMs, land);
    else if (fate < 0.67) this.#world.schedule('store', arrivesMs, land);
    const cause = new Error('the connection to the store broke');
    return new Promise((resolve) => {
      this.#world.schedule(owner, arrivesMs + this.#latencyMs(), () => resolve({ kind: 'uncertain', cause }));
    });
  }

  async #land(batch: Batch, owner: string): Promise<CommitResult> {
    const result = await this.#engine.commit(batch, this.#never);
    if (result.kind === 'committed') this.onLanded(batch.writes, owner);
    return result;
  }

  #latencyMs(): number {
    const { random } = this.#world;
    if (random.chance(this.#profile.engineTail)) return random.next() ** 2 * this.#profile.tailMs;
    return 0.2 + random.next() * 4;
  }
}

/** A snapshot whose reads take time, each of their own. */
function delayed(inner: Snapshot, near: <T>(act: () => Promise<T>) => Promise<T>): Snapshot {
  return {
    get: (key) => near(() => inner.get(key)),
    async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
      const batches = inner.scan(range)[Symbol.asyncIterator]();
      for (;;) {
        const next = await near(() => batches.next());
        if (next.done === true) return;
        yield next.value;
      }
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

/** The sender may reuse its bytes once it has an answer, but a late copy of the request may still be under way. */
function copyOf(batch: Batch): Batch {
  const copy = (bytes: Bytes) => Buffer.from(bytes);
  return {
    conditions: batch.conditions.map((condition) =>
      condition.is === 'equal' ? { ...condition, value: copy(condition.value) } : condition,
    ),
    writes: batch.writes.map(({ key, value }) => ({
      key: copy(key),
      value: value === undefined ? undefined : copy(value),
    })),
  };
}

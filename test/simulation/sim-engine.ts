import type { Bytes } from '../../src/base/index.ts';
import type { Batch, CommitResult, Engine, Snapshot } from '../../src/engine/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import type { Profile } from './profile.ts';
import type { World } from './world.ts';

type Landed = (writes: Batch['writes']) => void;

/**
 * The real memory engine as a store that others share: a request takes time, takes effect at one instant, and its answer
 * takes time. An uncertain commit lands at once, later (also after its node has sent it again, moved on or crashed), or
 * never. `onLanded` sees every commit at the instant it takes effect.
 */
export class SimStore {
  onLanded: Landed = () => undefined;
  readonly #engine = new MemoryEngine();
  readonly #world: World;
  readonly #profile: Profile;
  readonly #never = new AbortController().signal;

  constructor(world: World, profile: Profile) {
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

  snapshot(): Promise<Snapshot> {
    return this.#engine.snapshot();
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
    if (!random.chance(this.#profile.uncertain)) return this.#later(owner, () => this.#land(batch));
    const arrivesMs = this.#latencyMs();
    const fate = random.next();
    const land = () => void this.#land(batch);
    if (fate < 0.33)
      this.#world.schedule('store', arrivesMs + random.next() ** 3 * this.#profile.lateMs, land);
    else if (fate < 0.67) this.#world.schedule('store', arrivesMs, land);
    const cause = new Error('the connection to the store broke');
    return new Promise((resolve) => {
      this.#world.schedule(owner, arrivesMs + this.#latencyMs(), () => resolve({ kind: 'uncertain', cause }));
    });
  }

  async #land(batch: Batch): Promise<CommitResult> {
    const result = await this.#engine.commit(batch, this.#never);
    if (result.kind === 'committed') this.onLanded(batch.writes);
    return result;
  }

  #latencyMs(): number {
    const { random } = this.#world;
    if (random.chance(this.#profile.engineTail)) return random.next() ** 2 * this.#profile.tailMs;
    return 0.2 + random.next() * 4;
  }
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

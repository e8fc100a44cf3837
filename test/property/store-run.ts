import { expect } from 'vitest';
import type { Engine } from '../../src/store/index.ts';
import { Refused, StoreModel } from './store-model.ts';
import type { Step } from './store-steps.ts';
import { call, range, StoreWorld, turns } from './store-world.ts';

/** Cleaning is worth it from the first byte, and old values leave memory at once. */
const OPTIONS = {
  limits: { historyBytesInMemoryMax: 100 },
  cleanerLimits: {
    stepBytesMax: 300,
    chunkBytesMin: 500,
    deadBytesMin: 1,
    deadShareMin: 0,
    removalsMin: 1,
    removalsShareMin: 0,
    newChunksMin: 2,
  },
};

type WriteKind = 'put' | 'deleteRange' | 'txn' | 'compact' | 'grant' | 'revoke';

type Answer = { readonly value: unknown } | { readonly refused: string };

class Run {
  readonly world: StoreWorld;
  readonly model = new StoreModel();
  #pending: Promise<void>[] = [];

  constructor(world: StoreWorld) {
    this.world = world;
  }

  async take(one: Step): Promise<void> {
    const { world, model } = this;
    switch (one.kind) {
      case 'put':
        return this.#write(() => model.put(one.request), world.put(one.request), one);
      case 'deleteRange':
        return this.#write(() => model.deleteRange(one.request), world.deleteRange(one.request), one);
      case 'txn':
        // One that only reads takes the read path, and sees what is committed.
        await this.settle();
        return this.#write(() => model.txn(one.request), world.txn(one.request), one);
      case 'compact': {
        const revision = model.revision - one.back;
        return this.#write(() => model.compact(revision), world.compact(revision, one.physical), one);
      }
      case 'grant':
        return this.#write(
          () => ({ ...model.grant(one.id, one.ttl), id: one.id }),
          world.grant(one.id, one.ttl),
          one,
        );
      case 'revoke':
        return this.#write(() => model.revoke(one.id), world.revoke(one.id), one);
      default:
        await this.settle();
        await this.#alone(one);
    }
  }

  /** Waits for all answers. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }

  /** Compares everything that can be read. */
  async compareAll(): Promise<void> {
    await this.settle();
    const { world, model } = this;
    expect(world.store.revision).toBe(model.revision);
    expect(world.store.compacted).toBe(Math.max(0, model.compacted));
    for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision++) {
      const all = range('\0', '\0', { revision });
      expect(await world.range(all)).toEqual(model.range(all));
    }
  }

  async #alone(one: Exclude<Step, { kind: WriteKind }>): Promise<void> {
    const { world, model } = this;
    switch (one.kind) {
      case 'range':
        return expect(await answer(world.range(one.request))).toEqual(
          expected(() => model.range(one.request)),
        );
      case 'attached': {
        const found = await world.timeToLive(one.id);
        expect(found.grantedTtl).toBe(model.leases.get(one.id) ?? 0);
        return expect(found.keys).toEqual(model.leases.has(one.id) ? model.attached(one.id) : []);
      }
      case 'hash': {
        const revision = model.revision - one.back;
        const found = call<{ hash: number }>((done) => world.store.hashKv(revision, done)).then(
          ({ hash }) => hash,
        );
        return expect(await answer(found)).toEqual(expected(() => model.hashKv(revision)));
      }
      case 'tick':
        return world.time.advance(1000);
      case 'clean':
        return world.store.defragment();
      case 'reopen':
        if (!one.crash) await world.store.close();
        await world.reopen();
        return this.compareAll();
    }
  }

  #write(run: () => unknown, found: Promise<unknown>, one: Step): void {
    const wanted = expected(run);
    this.#pending.push(
      answer(found).then((got) => {
        expect({ step: one, ...got }).toEqual({ step: one, ...wanted });
      }),
    );
  }
}

function expected(run: () => unknown): Answer {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Refused) return { refused: error.code };
    throw error;
  }
}

async function answer(found: Promise<unknown>): Promise<Answer> {
  try {
    return { value: await found };
  } catch (error) {
    if (error instanceof Refused) return { refused: error.code };
    throw error;
  }
}

/** Takes the steps on a store over `engine`, which must be empty, and on the model; then cleans, replays and compares. */
export async function checkStore(steps: readonly Step[], engine: Engine): Promise<void> {
  const world = await StoreWorld.open(OPTIONS, engine);
  const run = new Run(world);
  try {
    for (const one of steps) await run.take(one);
    await run.compareAll();
    await world.store.defragment();
    await run.compareAll();
    await world.reopen();
    await run.compareAll();
  } finally {
    await world.store.close();
    await turns();
  }
}

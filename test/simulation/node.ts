import type { Bytes } from '../../src/base/index.ts';
import { EMPTY_BYTES, silentLogger } from '../../src/base/index.ts';
import { Store } from '../../src/store/index.ts';

import { WatchHub } from '../../src/watch/index.ts';
import type { WatchStream } from '../../src/watch/index.ts';
import type { More } from './client.ts';
import { send } from './client.ts';
import type { Answer, Call } from './history.ts';
import { openWatch } from './watch-sink.ts';
import { KEYSPACE } from './oracle.ts';
import type { Profile } from './profile.ts';
import type { SimStore } from './sim-engine.ts';
import type { World } from './world.ts';

/** The cleaner is always at work, on chunks so small that a few calls fill many. */
export const EAGER = {
  stepBytesMax: 3_000,
  chunkBytesMin: 700,
  deadBytesMin: 1,
  deadShareMin: 0.01,
  removalsMin: 1,
  removalsShareMin: 0.01,
  newChunksMin: 2,
};

/** One incarnation of the node: the real store and watch hub, in virtual time. It starts with nothing in memory. */
export class Node {
  readonly owner: string;
  store: Store | undefined;
  hub: WatchHub | undefined;
  readonly #world: World;
  readonly #profile: Profile;

  constructor(world: World, profile: Profile, incarnation: number) {
    this.#world = world;
    this.#profile = profile;
    this.owner = `node-${incarnation}`;
  }

  async start(engines: SimStore, faults: ReadonlySet<string>): Promise<void> {
    const world = this.#world;
    const scheduler = world.schedulerOf(this.owner);
    const random = world.random.fork(this.owner);
    const { historyBytesInMemoryMax, segmentBytes, sliceUnitsMax, atOnceKeysMax } = this.#profile;
    const { responseBytesMax, fragmentBytesMin } = this.#profile;
    const store = await Store.open({
      engine: engines.engineOf(this.owner),
      keyspace: KEYSPACE,
      clock: world,
      scheduler,
      random,
      logger: silentLogger,
      name: 'simulated',
      // One node on an engine of its own: nobody else can lead.
      lease: { holds: () => true },
      limits: { historyBytesInMemoryMax, segmentBytes, sliceUnitsMax, atOnceKeysMax },
      cleanerLimits: EAGER,
      faults,
    });
    const hub = new WatchHub({
      source: {
        index: store.index,
        arena: store.arena,
        history: store.history,
        revision: () => store.revision,
        compacted: () => store.compacted,
        header: (revision) => ({ identity: EMPTY_BYTES, revision, raftTerm: store.epoch }),
      },
      clock: world,
      scheduler,
      random,
      logger: silentLogger,
      progressIntervalMs: 500,
      limits: { responseBytesMax, fragmentBytesMin },
    });
    store.onCommit((revision) => hub.committed(revision));
    store.onCompact((compacted) => hub.compacted(compacted));
    [this.store, this.hub] = [store, hub];
  }

  watch(receive: (response: Bytes) => void, ended: (code: string) => void): WatchStream | undefined {
    if (this.hub === undefined) return undefined;
    return openWatch(this.hub, {
      world: this.#world,
      owner: this.owner,
      profile: this.#profile,
      receive,
      ended,
    });
  }

  call(call: Call, more: More, answered: (answer: Answer) => void): void {
    if (this.store !== undefined) send(this.store, call, more, answered);
  }
}

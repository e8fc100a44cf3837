import { watchReplays } from './bystander.ts';
import { runClient } from './client.ts';
import type { ClientOptions, Gossip } from './client.ts';
import { guardDeterminism } from './guard.ts';
import { checkHistory } from './history.ts';
import type { CallRecord } from './history.ts';
import { findViolation } from './kv-model.ts';
import { Node } from './node.ts';
import { Oracle } from './oracle.ts';
import { calm, drawProfile, KEYS } from './profile.ts';
import type { Profile } from './profile.ts';
import { SimStore } from './sim-engine.ts';
import { Watcher } from './watcher.ts';
import { depthOf } from './txn.ts';
import { World } from './world.ts';

const TROUBLE_MS = 8_000;
const CALM_MS = 8_000;
const STEP_MS = 500;
const CALL_TIMEOUT_MS = 900;
/** A history of this many calls at most is also searched for a linearization. */
const SEARCHED_CALLS_MAX = 400;

export interface Verdict {
  readonly seed: number;
  readonly problems: readonly string[];
  /** Covers every event, every answer and the final state. */
  readonly digest: string;
  readonly calls: number;
  readonly profile: Profile;
  /** How often what happened. */
  readonly counts: Readonly<Record<keyof Oracle['counts'] | 'pages' | 'nested' | 'hashes', number>>;
}

/**
 * One seed: the real store and watch hub on one node that crashes, stalls and meets commits of unknown outcome, its
 * cleaner always at work; then peace; then judged by a log that is never cleaned.
 */
export async function simulate(seed: number, plant?: string): Promise<Verdict> {
  const restore = guardDeterminism();
  try {
    return await new Simulation(seed, new Set(plant === undefined ? [] : [plant])).run();
  } finally {
    restore();
  }
}

class Simulation {
  readonly #seed: number;
  readonly #faults: ReadonlySet<string>;
  readonly #world: World;
  readonly #profile: Profile;
  readonly #store: SimStore;
  readonly #oracle: Oracle;
  readonly #records: CallRecord[] = [];
  readonly #watchers: Watcher[];
  #node: Node | undefined;
  #incarnations = 0;

  constructor(seed: number, faults: ReadonlySet<string>) {
    this.#seed = seed;
    this.#faults = faults;
    this.#world = new World(seed);
    this.#profile = drawProfile(this.#world.random.fork('profile'));
    this.#store = new SimStore(this.#world, this.#profile);
    this.#oracle = new Oracle(() => this.#world.nowMs());
    this.#store.onLanded = (writes) => this.#oracle.landed(writes);
    const all = { noPut: false, noDelete: false };
    this.#watchers = [
      { ...all, key: '\0', rangeEnd: '\0', prevKv: true },
      { ...all, key: 'k', rangeEnd: 'l', prevKv: false },
      { ...all, key: KEYS[0], rangeEnd: '', prevKv: true },
      { ...all, key: 'k', rangeEnd: 'n', prevKv: false, noPut: true },
    ].map((spec, i) => new Watcher(this.#world, this.#oracle, spec, { isFragmented: i % 2 === 0 }));
  }

  async run(): Promise<Verdict> {
    const [world, oracle] = [this.#world, this.#oracle];
    const leases = this.#seed % 3 !== 0;
    this.#boot();
    void this.#trouble();
    void watchReplays(world, this.#store, oracle, this.#faults);
    const gossip: Gossip = { revision: 1, modRevisions: new Map() };
    const node = () => (this.#node?.hub === undefined ? undefined : this.#node);
    const untilMs = TROUBLE_MS + CALM_MS / 4;
    const options: ClientOptions = {
      world,
      profile: this.#profile,
      gossip,
      records: this.#records,
      target: () => (this.#node?.store === undefined ? undefined : this.#node),
      timeoutMs: CALL_TIMEOUT_MS,
      leases,
      untilMs,
    };
    for (let id = 0; id < this.#profile.clients; id++) void runClient(options, id);
    for (const watcher of this.#watchers) void watcher.run(node);
    for (let atMs = STEP_MS; atMs <= TROUBLE_MS + CALM_MS && oracle.problems.length === 0; atMs += STEP_MS) {
      if (atMs > TROUBLE_MS) calm(this.#profile);
      await world.run(atMs);
    }
    if (oracle.problems.length === 0) this.#judge(leases);
    return {
      seed: this.#seed,
      problems: oracle.problems,
      digest: world.digest(),
      calls: this.#records.length,
      profile: this.#profile,
      counts: { ...oracle.counts, ...this.#answered() },
    };
  }

  #answered(): { pages: number; nested: number; hashes: number } {
    const all = this.#records;
    const count = (is: (record: CallRecord) => boolean): number => all.filter(is).length;
    return {
      pages: count(
        ({ call, answer }) => answer.kind === 'read' && call.kind === 'read' && call.key.endsWith('\0'),
      ),
      nested: count(
        ({ call, answer }) => answer.kind === 'written' && call.kind === 'txn' && depthOf(call.txn) > 1,
      ),
      hashes: count(({ answer }) => answer.kind === 'hashed'),
    };
  }

  #judge(leases: boolean): void {
    const [world, oracle] = [this.#world, this.#oracle];
    world.note(oracle.full.digest());
    checkHistory(oracle, this.#records);
    for (const watcher of this.#watchers) watcher.check();
    const { store } = this.#node ?? {};
    oracle.expect(
      store?.revision === oracle.full.revision && store.compacted === oracle.full.compacted,
      () => `in the end the node is at ${store?.revision}, the log at ${oracle.full.revision}`,
    );
    const answered = this.#records.filter(
      ({ answer }) => answer.kind === 'written' || answer.kind === 'read',
    ).length;
    oracle.expect(answered > 0, () => 'no call was answered');
    if (leases || this.#records.length > SEARCHED_CALLS_MAX) return;
    const violation = findViolation(this.#records);
    if (violation !== undefined) oracle.fail(violation);
  }

  #boot(): void {
    const node = new Node(this.#world, this.#profile, this.#incarnations++);
    this.#node = node;
    node.start(this.#store, this.#faults).catch((error: unknown) => {
      this.#oracle.fail(
        `the node cannot start: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
      );
    });
  }

  async #trouble(): Promise<void> {
    const world = this.#world;
    const random = world.random.fork('trouble');
    while (world.nowMs() < TROUBLE_MS) {
      await world.sleep('trouble', 25);
      const due = (everyMs: number) => everyMs > 0 && random.chance(25 / everyMs);
      if (this.#node === undefined) continue;
      if (due(this.#profile.crashEveryMs)) {
        world.kill(this.#node.owner);
        this.#node = undefined;
        world.schedule('trouble', random.next() ** 2 * 800, () => this.#boot());
      } else if (due(this.#profile.stallEveryMs)) world.stall(this.#node.owner, random.next() * 1_500);
    }
  }
}

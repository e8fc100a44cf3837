import { runClient } from '../client.ts';
import type { ClientOptions, Gossip } from '../client.ts';
import { guardDeterminism } from '../guard.ts';
import { checkHistory } from '../history.ts';
import type { CallRecord } from '../history.ts';
import { findViolation } from '../kv-model.ts';
import { Oracle } from '../oracle.ts';
import { KEYS } from '../profile.ts';
import { SimStore } from '../sim-engine.ts';
import { Watcher } from '../watcher.ts';
import { World } from '../world.ts';
import { checkAgreement } from './agreement.ts';
import { Judges } from './judges.ts';
import { checkLeaseTimes, LeasePresence } from './lease-times.ts';
import { Fleet } from './fleet.ts';
import { Keeper } from './keeper.ts';
import { SimNetwork } from './network.ts';
import { probe } from './probe.ts';
import { calmCluster, drawClusterProfile, NAMES } from './profile.ts';
import type { ClusterProfile } from './profile.ts';
import { checkSequences } from './sequences.ts';
import { Troubles } from './troubles.ts';
import { WatchParty } from './watch-party.ts';

const TROUBLE_MS = 12_000;
const CALM_MS = 9_000;
/** Clients go on for so long in peace. */
const BUSY_MS = 2_000;
/** After everything that fails has stopped, each node has served a write and a read by then. */
const RECOVERY_MS = 5_000;
const STEP_MS = 500;
const CALL_TIMEOUT_MS = 1_500;
const KEEPER_LEASE_MIN = 100;
const WATCH_MAY_END_BY = new Set(['unavailable', 'stopped', 'no-leader']);

export interface ClusterVerdict {
  readonly seed: number;
  readonly problems: readonly string[];
  /** Covers every event, every answer and the final state. */
  readonly digest: string;
  readonly calls: number;
  readonly profile: ClusterProfile;
  /** How often what happened. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface ClusterOptions {
  readonly nodes?: number | undefined;
  readonly plant?: string | undefined;
}

/**
 * One seed: several real nodes on one store, in trouble; then peace; then judged by a log that is never cleaned, by what
 * clients were told, and by whether all nodes agree.
 */
export async function simulateCluster(seed: number, options: ClusterOptions = {}): Promise<ClusterVerdict> {
  const restore = guardDeterminism();
  try {
    return await new ClusterSimulation(seed, options).run();
  } finally {
    restore();
  }
}

const isSmall = (seed: number): boolean => seed % 5 === 0;

class ClusterSimulation {
  readonly #seed: number;
  readonly #world: World;
  readonly #profile: ClusterProfile;
  readonly #engines: SimStore;
  readonly #oracle: Oracle;
  readonly #network: SimNetwork;
  readonly #fleet: Fleet;
  readonly #troubles: Troubles;
  readonly #judges: Judges;
  readonly #records: CallRecord[] = [];
  readonly #watchers: Watcher[];
  readonly #party: WatchParty;
  readonly #keepers: Keeper[];
  /** As it was drawn: it ends calm. */
  readonly #drawn: ClusterProfile;

  constructor(seed: number, { nodes, plant }: ClusterOptions) {
    const world = new World(seed);
    const profile = drawClusterProfile(world.random.fork('profile'), isSmall(seed));
    const engines = new SimStore(world, profile);
    const oracle = new Oracle(() => world.nowMs());
    const fail = (problem: string) => oracle.fail(problem);
    const judges = new Judges({ world, oracle, profile });
    const network = new SimNetwork({ world, profile, fail, tap: judges });
    const names = NAMES.slice(0, nodes ?? (seed % 4 === 0 ? 5 : 3));
    const faults = new Set(plant === undefined ? [] : [plant]);
    const witness = judges;
    const fleet = new Fleet({ world, profile, network, engines, oracle, faults, witness }, names);
    this.#seed = seed;
    [this.#world, this.#profile, this.#engines, this.#oracle] = [world, profile, engines, oracle];
    [this.#network, this.#fleet, this.#drawn] = [network, fleet, { ...profile }];
    this.#troubles = new Troubles({ world, profile, network, engines, fleet, judges, untilMs: TROUBLE_MS });
    this.#judges = judges;
    judges.begin({
      seed,
      fleet,
      network,
      engines,
      jumped: (fromMs, toMs) => this.#troubles.jumped(fromMs, toMs),
    });
    const all = { noPut: false, noDelete: false };
    this.#watchers = [
      { ...all, key: '\0', rangeEnd: '\0', prevKv: true },
      { ...all, key: 'k', rangeEnd: 'l', prevKv: false },
      { ...all, key: KEYS[0], rangeEnd: '', prevKv: true },
      { ...all, key: 'k', rangeEnd: 'n', prevKv: false, noPut: true },
    ].map(
      (spec, i) =>
        new Watcher(world, oracle, spec, {
          isFragmented: i % 2 === 0,
          mayEndBy: WATCH_MAY_END_BY,
          needsLeader: i < 2,
        }),
    );
    this.#party = new WatchParty(world, oracle, { seed, mayEndBy: WATCH_MAY_END_BY });
    this.#keepers = Array.from({ length: profile.keepers }, (_, i) => this.#newKeeper(i));
  }

  async run(): Promise<ClusterVerdict> {
    const [world, oracle] = [this.#world, this.#oracle];
    // Leases delete keys by themselves, which the linearizability model does not know.
    const leases = !isSmall(this.#seed);
    for (const name of this.#fleet.names) this.#fleet.boot(name);
    void this.#troubles.run();
    this.#start(leases);
    const recovered = { names: new Set<string>() };
    const endMs = TROUBLE_MS + CALM_MS;
    for (let atMs = STEP_MS; atMs <= endMs && oracle.problems.length === 0; atMs += STEP_MS) {
      await world.run(atMs);
      if (atMs === TROUBLE_MS) this.#calm(recovered.names);
      if (atMs === TROUBLE_MS + RECOVERY_MS)
        for (const name of this.#fleet.names)
          oracle.expect(recovered.names.has(name), () => `liveness: ${name} does not serve again`);
    }
    if (oracle.problems.length === 0) await this.#judge();
    return {
      seed: this.#seed,
      problems: oracle.problems,
      digest: world.digest(),
      calls: this.#records.length,
      profile: this.#drawn,
      counts: { ...oracle.counts, ...this.#fleet.counts, ...this.#network.counts, ...this.#judges.counts },
    };
  }

  #newKeeper(i: number): Keeper {
    const route = this.#fleet.route(`keeper-${i}`);
    return new Keeper({
      ...{ world: this.#world, oracle: this.#oracle, records: this.#records },
      ...{ lease: BigInt(KEEPER_LEASE_MIN + i), ttl: this.#profile.keeperTtl, timeoutMs: CALL_TIMEOUT_MS },
      ...route,
    });
  }

  #start(leases: boolean): void {
    const [world, profile, fleet] = [this.#world, this.#profile, this.#fleet];
    const gossip: Gossip = { revision: 1, modRevisions: new Map() };
    const untilMs = TROUBLE_MS + BUSY_MS;
    for (let id = 0; id < profile.clients; id++) {
      const options: ClientOptions = {
        ...{ world, profile, gossip, records: this.#records, leases, untilMs, timeoutMs: CALL_TIMEOUT_MS },
        needsLeader: id % 2 === 1,
        ...fleet.route(`client-${id}`),
      };
      void runClient(options, id);
    }
    for (const keeper of this.#keepers) void keeper.run(untilMs);
    void this.#party.run(fleet.watchRoute('party'), untilMs);
    for (const [i, watcher] of this.#watchers.entries()) void watcher.run(fleet.watchRoute(String(i), i < 2));
  }

  /** Nothing fails any more, and clocks are right again. */
  #calm(recovered: Set<string>): void {
    const [world, profile, fleet] = [this.#world, this.#profile, this.#fleet];
    calmCluster(profile);
    this.#troubles.heal();
    this.#network.hurry();
    this.#engines.cutOff.clear();
    if (profile.linearizableReads === 'engine') {
      profile.rateMin = profile.rateMax = 1;
      for (const { time } of fleet.members.values()) time.setRate(1);
    }
    fleet.raise();
    for (const name of fleet.names) {
      const parts = { world, fleet, name, records: this.#records, timeoutMs: CALL_TIMEOUT_MS };
      void probe(parts).then(() => recovered.add(name));
    }
  }

  async #judge(): Promise<void> {
    const [world, oracle] = [this.#world, this.#oracle];
    world.note(oracle.full.digest());
    let isOver = false;
    void checkAgreement(this.#fleet, oracle).then(() => (isOver = true));
    await world.run(world.nowMs() + STEP_MS);
    oracle.expect(isOver, () => 'in the end a node does not answer');
    checkHistory(oracle, this.#records);
    checkSequences(oracle, this.#records);
    for (const watcher of this.#watchers) watcher.check();
    this.#party.check();
    const presence = new LeasePresence(oracle);
    const clockMs = (fromMs: number, toMs: number): number => this.#judges.clockMs(fromMs, toMs);
    for (const keeper of this.#keepers) keeper.check(presence, clockMs);
    const [records, nowMs] = [this.#records, world.nowMs()];
    checkLeaseTimes({ oracle, records, nowMs, rateMin: this.#profile.rateMin, clockMs });
    if (!isSmall(this.#seed)) return;
    const violation = findViolation(this.#records);
    if (violation !== undefined) oracle.fail(violation);
  }
}

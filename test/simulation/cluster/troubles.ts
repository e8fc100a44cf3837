import type { SeededRandom } from '../../../src/base/index.ts';
import type { SimStore } from '../sim-engine.ts';
import type { World } from '../world.ts';
import type { Fleet } from './fleet.ts';
import type { Judges } from './judges.ts';
import type { SimNetwork } from './network.ts';
import { LEASE_MS } from './profile.ts';
import type { ClusterProfile } from './profile.ts';

const TICK_MS = 50;
const JUMP_MS_MAX = 5_000;

export interface TroubleParts {
  readonly world: World;
  readonly profile: ClusterProfile;
  readonly network: SimNetwork;
  readonly engines: SimStore;
  readonly fleet: Fleet;
  readonly judges: Judges;
  readonly untilMs: number;
}

/** Everything that goes wrong but the store's own doubts and what single messages meet. It all ends at `untilMs`. */
export class Troubles {
  readonly #parts: TroubleParts;
  readonly #random: SeededRandom;
  readonly #jumps: { readonly atMs: number; readonly ms: number }[] = [];
  readonly #heals = new Set<() => void>();

  constructor(parts: TroubleParts) {
    this.#parts = parts;
    this.#random = parts.world.random.fork('trouble');
  }

  async run(): Promise<void> {
    const { world, profile, fleet, untilMs } = this.#parts;
    const random = this.#random;
    const due = (everyMs: number) => everyMs > 0 && random.chance(TICK_MS / everyMs);
    while (world.nowMs() + TICK_MS < untilMs) {
      await world.sleep('trouble', TICK_MS);
      const name = random.pick(fleet.names);
      const member = fleet.members.get(name);
      if (member === undefined) continue;
      const leftMs = untilMs - world.nowMs();
      if (due(profile.crashEveryMs)) fleet.crash(name, random.next() ** 2 * 4 * LEASE_MS);
      else if (due(profile.closeEveryMs)) fleet.close(name, random.next() * LEASE_MS);
      else if (due(profile.stallEveryMs))
        world.stall(member.owner, Math.min(leftMs, random.next() * 4 * LEASE_MS));
      if (due(profile.moveEveryMs)) {
        fleet.counts.moves++;
        this.#parts.judges.moves.ask(member);
      }
      if (due(profile.isolateEveryMs)) this.#isolate(name, member.owner);
      if (due(profile.cutEveryMs))
        this.#until(random.next() * 4 * LEASE_MS, [this.#parts.network.cut(name, random.pick(fleet.names))]);
      if (due(profile.jumpEveryMs)) {
        const ms = random.next() ** 2 * JUMP_MS_MAX;
        member.time.jump(ms);
        this.#jumps.push({ atMs: world.nowMs(), ms });
      }
    }
  }

  /** Everything that was cut is whole again. */
  heal(): void {
    for (const heal of [...this.#heals]) heal();
  }

  /** By how much clocks have jumped ahead at most, all together. */
  jumped(fromMs: number, toMs: number): number {
    let sum = 0;
    for (const { atMs, ms } of this.#jumps) if (atMs >= fromMs && atMs <= toMs) sum += ms;
    return sum;
  }

  /** Clients still reach the node; it does not reach the others and, most of the time, not the store. */
  #isolate(name: string, owner: string): void {
    const { network, engines, fleet } = this.#parts;
    const heals = fleet.names
      .filter((other) => other !== name)
      .flatMap((other) => [network.cut(name, other), network.cut(other, name)]);
    if (this.#random.chance(0.7)) {
      engines.cutOff.add(owner);
      heals.push(() => engines.cutOff.delete(owner));
    }
    this.#until(this.#random.next() * 7 * LEASE_MS, heals);
  }

  #until(ms: number, heals: (() => void)[]): void {
    const heal = (): void => {
      if (!this.#heals.delete(heal)) return;
      for (const each of heals) each();
    };
    this.#heals.add(heal);
    this.#parts.world.schedule('trouble', ms, heal);
  }
}

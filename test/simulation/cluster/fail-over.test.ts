/**
 * Goal: how long writes wait when the leader goes, by what it goes of. Method: three real nodes in virtual time, 20 seeds
 * each, with no other trouble; so it is the waiting that is measured, not the machine.
 */
import { describe, expect, it } from 'vitest';
import { guardDeterminism } from '../guard.ts';
import type { Answer, Call } from '../history.ts';
import { Oracle } from '../oracle.ts';
import { SimStore } from '../sim-engine.ts';
import { World } from '../world.ts';
import { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import { SimNetwork } from './network.ts';
import { calmCluster, drawClusterProfile, NAMES } from './profile.ts';

const STEP_MS = 5;
const UP_MS_MAX = 20_000;

/** Three nodes without any trouble but what a test makes, up and served by one leader. */
class Calm {
  readonly world: World;
  readonly fleet: Fleet;
  readonly oracle: Oracle;
  #calls = 0;

  constructor(seed: number) {
    const world = new World(seed);
    const profile = drawClusterProfile(world.random.fork('profile'), true);
    calmCluster(profile);
    // Half of the seeds confirm reads by the head; no clock is wrong in any.
    profile.rateMin = profile.rateMax = 1;
    const oracle = new Oracle(() => world.nowMs());
    const fail = (problem: string): void => oracle.fail(problem);
    const network = new SimNetwork({ world, profile, fail });
    const engines = new SimStore(world, profile);
    const parts = { world, profile, network, engines, oracle, faults: new Set<string>() };
    [this.world, this.oracle] = [world, oracle];
    this.fleet = new Fleet(parts, NAMES.slice(0, 3));
  }

  async up(): Promise<Member> {
    for (const name of this.fleet.names) this.fleet.boot(name);
    const isUp = (): boolean => this.fleet.serving().length === 3 && this.fleet.leader() !== undefined;
    await this.until(isUp, UP_MS_MAX);
    // What is spread in time is at any place of its period.
    await this.world.run(this.world.nowMs() + this.world.random.int(0, 1000));
    return this.fleet.leader() as Member;
  }

  async until(holds: () => boolean, msMax: number): Promise<number> {
    const startMs = this.world.nowMs();
    while (!holds() && this.world.nowMs() < startMs + msMax)
      await this.world.run(this.world.nowMs() + STEP_MS);
    return this.world.nowMs() - startMs;
  }

  /** The time until a write through this node is answered. One whose outcome is unknown is followed by another. */
  async write(through: Member): Promise<{ ms: number; answer: Answer | undefined }> {
    const startMs = this.world.nowMs();
    let answer: Answer | undefined;
    do {
      answer = undefined;
      const call: Call = { kind: 'put', id: `${this.#calls++}`, key: 'k', lease: 0n };
      through.call(call, { pad: ';', ttl: 2 }, (found) => (answer = found));
      await this.until(() => answer !== undefined, UP_MS_MAX);
    } while (codeOf(answer) === 'TimeoutDueToConnectionLost');
    return { ms: this.world.nowMs() - startMs, answer };
  }
}

const codeOf = (answer: Answer | undefined): string => (answer?.kind === 'error' ? answer.code : '');

/** What a write takes through another node at the moment when something happens to the leader, in order. */
async function times(happens: (it: Calm, leader: Member) => void): Promise<number[]> {
  const found: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const restore = guardDeterminism();
    try {
      const it = new Calm(seed);
      const leader = await it.up();
      const other = it.fleet.serving().find((member) => member !== leader) as Member;
      happens(it, leader);
      const { ms, answer } = await it.write(other);
      expect(answer, `seed ${seed}: ${JSON.stringify(answer)}`).toMatchObject({ kind: 'written' });
      expect(it.oracle.problems, `seed ${seed}`).toEqual([]);
      found.push(ms);
    } finally {
      restore();
    }
  }
  return found.sort((a, b) => a - b);
}

describe('a cluster loses its leader', () => {
  it('by a crash: another serves writes within 1.5 s', async () => {
    const found = await times((it, leader) => it.fleet.crash(leader.name, 60_000));
    expect(found.at(-1), found.join()).toBeLessThan(1500);
    expect(found[10], found.join()).toBeLessThan(1300);
  });

  it('because it is closed: another serves writes within 200 ms', async () => {
    const found = await times((it, leader) => it.fleet.close(leader.name, 60_000));
    expect(found.at(-1), found.join()).toBeLessThan(200);
  });

  it('because the lead is moved: another serves writes within 200 ms', async () => {
    const found = await times((it, leader) => {
      const target = it.fleet.serving().find((member) => member !== leader);
      it.fleet.moveLeader(target?.name ?? '');
    });
    expect(found.at(-1), found.join()).toBeLessThan(200);
  });
});

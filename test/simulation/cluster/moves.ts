import type { SeededRandom } from '../../../src/base/index.ts';
import type { Oracle } from '../oracle.ts';
import type { World } from '../world.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';

/** What waits for the next leader gives up after 7 s, a lead that is handed over after one more; by a clock that is slow. */
const ANSWERED_MS = 8_000;
/** It may be put off by so much. */
const STALLS_MS = 7_000;

interface Begun {
  readonly atMs: number;
  readonly name: string;
}

/** MoveLeader, asked of any node for any member: judged by who has begun epochs. */
export class Moves {
  readonly counts = { moved: 0, refused: 0 };
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #begun: Begun[] = [];
  readonly #fleet: Fleet;
  readonly #random: SeededRandom;
  #epochs = 0;

  /** `random`: of its own, so that what is asked changes nothing else. */
  constructor(world: World, oracle: Oracle, parts: { readonly fleet: Fleet; readonly random: SeededRandom }) {
    [this.#world, this.#oracle] = [world, oracle];
    [this.#fleet, this.#random] = [parts.fleet, parts.random];
  }

  /** Something was committed to the log. */
  landed(owner: string): void {
    const { epochs } = this.#oracle.counts;
    if (epochs > this.#epochs) this.#begun.push({ atMs: this.#world.nowMs(), name: owner.split('#')[0]! });
    this.#epochs = epochs;
  }

  /** Asks the leader, and now and then any other, to hand the lead to `target`. */
  ask(target: Member): void {
    const asked = this.#random.chance(0.8) ? this.#fleet.leader() : this.#random.pick(this.#fleet.serving());
    if (asked !== undefined) this.#ask(asked, target);
  }

  #ask(asked: Member, target: Member): void {
    const { node } = asked;
    const isThere = (): boolean => asked.isServing && this.#fleet.members.get(asked.name) === asked;
    const targetId = target.node?.memberId;
    if (node === undefined || targetId === undefined || targetId === 0n) return;
    const { leads } = node;
    const startMs = this.#world.nowMs();
    let answers = 0;
    const expect = (holds: boolean, problem: string): void =>
      this.#oracle.expect(holds, () => `${asked.owner} was to hand the lead to ${target.name}: ${problem}`);
    node.moveLeader(targetId, (refusal) => {
      answers++;
      expect(answers === 1, 'it answers twice');
      if (refusal === undefined) this.counts.moved++;
      else this.counts.refused++;
      // Or it led already, and the one that was asked had not heard of it.
      const hasBegun =
        this.#begun.at(-1)?.name === target.name ||
        this.#begun.some(({ atMs, name }) => atMs >= startMs && name === target.name);
      if (refusal === undefined)
        expect(leads && (hasBegun || asked.name === target.name), 'that one has not begun to lead');
      else
        expect((refusal === 'NotLeader') === !leads, `${refusal}, when it ${leads ? 'led' : 'did not lead'}`);
    });
    const waitMs = ANSWERED_MS / Math.min(1, asked.rate) + STALLS_MS;
    this.#world.schedule('judge', waitMs, () => {
      if (isThere() && !this.#world.isLate(asked.owner)) expect(answers === 1, 'it does not answer');
    });
  }
}

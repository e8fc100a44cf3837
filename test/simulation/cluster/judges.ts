import { SeededRandom } from '../../../src/base/index.ts';
import { LogKeys } from '../../../src/log/index.ts';
import type { PeerMessage } from '../../../src/wire/peer-message.ts';
import { KEYSPACE } from '../oracle.ts';
import type { Oracle } from '../oracle.ts';
import type { SimStore } from '../sim-engine.ts';
import { latin1 } from '../state.ts';
import type { World } from '../world.ts';
import { Announced } from './announced.ts';
import type { Fleet } from './fleet.ts';
import { LeaderWords } from './leader-words.ts';
import type { LinkTap } from './link.ts';
import type { Member, Witness } from './member.ts';
import { Membership } from './membership.ts';
import { Moves } from './moves.ts';
import type { SimNetwork } from './network.ts';
import type { ClusterProfile } from './profile.ts';

const HEAD = latin1(new LogKeys(KEYSPACE).head);
const LEADER = `engram/${KEYSPACE}/leader`;
const MEMBERS = `engram/${KEYSPACE}/members`;

export interface JudgesParts {
  readonly world: World;
  readonly oracle: Oracle;
  readonly profile: ClusterProfile;
}

export interface JudgedParts {
  readonly seed: number;
  readonly fleet: Fleet;
  readonly network: SimNetwork;
  readonly engines: SimStore;
  /** By how much clocks have jumped ahead between two instants at most, all together. */
  readonly jumped: (fromMs: number, toMs: number) => number;
}

/** Those who judge under way, by all that passes between the nodes, to the store and to clients. */
export class Judges implements LinkTap, Witness {
  moves!: Moves;
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #announced: Announced;
  readonly #rateMax: number;
  #words!: LeaderWords;
  #fleet!: Fleet;
  #jumped: JudgedParts['jumped'] = () => 0;

  constructor({ world, oracle, profile }: JudgesParts) {
    [this.#world, this.#oracle, this.#rateMax] = [world, oracle, profile.rateMax];
    this.#announced = new Announced(oracle, { byLease: profile.linearizableReads === 'lease' });
    oracle.onShown = (revision, by) => this.shown(revision, by, 'a watch');
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#words.counts, ...this.moves.counts };
  }

  /** Once all are there. */
  begin({ seed, fleet, network, engines, jumped }: JudgedParts): void {
    const [world, oracle] = [this.#world, this.#oracle];
    [this.#fleet, this.#jumped] = [fleet, jumped];
    this.moves = new Moves(world, oracle, { fleet, random: new SeededRandom(~seed) });
    const members = (): Iterable<Member> => fleet.members.values();
    this.#words = new LeaderWords(world, oracle, members);
    const clockMs = (fromMs: number): number => this.clockMs(fromMs, world.nowMs());
    const { names } = fleet;
    const membership = new Membership({ world, oracle, network, names, members, clockMs });
    void this.#words.run();
    void membership.run();
    engines.onLanded = (writes, owner) => {
      if (writes.some(({ key }) => latin1(key) === HEAD)) {
        oracle.landed(writes);
        this.moves.landed(owner);
      }
      for (const { key, value } of writes) {
        if (latin1(key) === MEMBERS && value !== undefined) membership.landed(value, owner);
        if (latin1(key) === LEADER) this.#as(owner, (member) => this.#words.renewed(member));
      }
    };
  }

  /** How far any clock can have gone between two instants. */
  clockMs(fromMs: number, toMs: number): number {
    return (toMs - fromMs) * Math.max(1, this.#rateMax) + this.#jumped(fromMs, toMs);
  }

  sent(owner: string, message: PeerMessage): void {
    this.#announced.sent(owner, message);
  }

  received(owner: string, message: PeerMessage): void {
    this.#as(owner, (member) => this.#words.received(member, message));
  }

  led(sequence: number): void {
    this.#announced.led(sequence);
  }

  acknowledged(revision: number): void {
    this.#announced.led(this.#oracle.sequenceOf(revision));
  }

  shown(revision: number, by: string, what: string): void {
    // It has begun the epoch there is: what it has is committed, and it need not have told others yet.
    this.#as(by, ({ node }) => {
      if (node?.leads === true && node.store.epoch === this.#oracle.epoch) this.led(node.store.sequence);
    });
    this.#announced.shown(revision, by, what);
  }

  deposed(member: Member): void {
    this.#words.deposed(member);
  }

  missed(member: Member, what: 'cancelled' | 'refused'): void {
    this.#words.missed(member, what);
  }

  /** The dead hear and say nothing. */
  #as(owner: string, act: (member: Member) => void): void {
    for (const member of this.#fleet.members.values()) if (member.owner === owner) act(member);
  }
}

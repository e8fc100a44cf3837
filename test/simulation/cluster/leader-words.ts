import type { PeerMessage } from '../../../src/wire/peer-message.ts';
import type { Oracle } from '../oracle.ts';
import type { World } from '../world.ts';
import { announcedBy } from './announced.ts';
import type { Member } from './member.ts';
import { LEASE_MS } from './profile.ts';

/** As documented: so long after the last word of a leader a node has none. */
const LOST_MS = 3 * LEASE_MS;
const EVERY_MS = 100;
const EPSILON_MS = 1e-3;

/** Of one incarnation, by its clock and by the world's. */
interface Words {
  /** The last word of another that leads. */
  heardMs: number;
  /** The last of that, and of all that may have shown that this node leads, at the latest. */
  anyMs: number;
  anyWorldMs: number;
  epoch: number;
  leads: boolean;
}

/**
 * Judges `hasleader` all the time (etcd's metadata, by which calls fail and streams end without a leader): a node that had
 * word of a leader in the last three lease times has one, any other has none and no stream that needs one. What counts as
 * word is told by the network and the store, not by the node.
 */
export class LeaderWords {
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #members: () => Iterable<Member>;
  readonly #words = new Map<string, Words>();
  readonly counts = { lost: 0, cancelled: 0, refused: 0 };

  constructor(world: World, oracle: Oracle, members: () => Iterable<Member>) {
    [this.#world, this.#oracle, this.#members] = [world, oracle, members];
  }

  async run(): Promise<void> {
    for (;;) {
      await this.#world.sleep('judge', EVERY_MS);
      for (const member of this.#members()) this.#judge(member);
    }
  }

  received(member: Member, message: PeerMessage): void {
    if (!('epoch' in message)) return;
    const words = this.#of(member);
    // A link to a leader of before is given up.
    if (message.epoch < words.epoch) return;
    words.epoch = message.epoch;
    if (announcedBy(message) === undefined) return;
    words.heardMs = member.time.nowMs();
    this.#any(member, 0);
  }

  /** Its leader record has been written: that helps it for as long as the lease lasts. */
  renewed(member: Member): void {
    this.#any(member, LEASE_MS);
  }

  deposed(member: Member): void {
    this.#any(member, 0);
  }

  /** A stream that needs a leader was ended for that, or a call refused. */
  missed(member: Member, what: 'cancelled' | 'refused'): void {
    this.counts[what]++;
    const silentMs = member.time.nowMs() - this.#of(member).heardMs;
    this.#oracle.expect(
      silentMs >= LOST_MS - EPSILON_MS,
      () => `${member.owner} ${what} for want of a leader ${silentMs.toFixed(0)} ms after word of one`,
    );
  }

  #judge(member: Member): void {
    const { node, owner, time } = member;
    if (node === undefined || !member.isServing || this.#world.isLate(owner)) return;
    const words = this.#of(member);
    if (node.leads && !words.leads) this.#any(member, 0);
    words.leads = node.leads;
    const nowMs = time.nowMs();
    const hasLeader = node.hasLeader();
    if (!hasLeader) this.counts.lost++;
    this.#oracle.expect(
      hasLeader || nowMs - words.heardMs >= LOST_MS - EPSILON_MS,
      () => `${owner} has no leader ${(nowMs - words.heardMs).toFixed(0)} ms after word of one`,
    );
    const silentMs = nowMs - words.anyMs - LOST_MS;
    this.#oracle.expect(
      !hasLeader || silentMs < EVERY_MS * time.rate,
      () => `${owner} has a leader still, ${silentMs.toFixed(0)} ms after three lease times without one`,
    );
    // A clock that jumps ahead moves no timer; nor does one that is put right.
    const slowest = Math.min(1, member.rate);
    const silentWorldMs = (this.#world.nowMs() - words.anyWorldMs) * slowest - LOST_MS;
    this.#oracle.expect(
      Math.min(silentMs, silentWorldMs) < EVERY_MS * Math.max(1, time.rate) || member.leaderLost.size === 0,
      () =>
        `${owner} serves ${member.leaderLost.size} streams that need a leader, ${silentMs.toFixed(0)} ms late`,
    );
  }

  #any(member: Member, laterMs: number): void {
    const words = this.#of(member);
    words.anyMs = Math.max(words.anyMs, member.time.nowMs() + laterMs);
    words.anyWorldMs = Math.max(words.anyWorldMs, this.#world.nowMs() + laterMs / Math.min(1, member.rate));
  }

  #of({ owner }: Member): Words {
    let words = this.#words.get(owner);
    if (words === undefined) {
      words = { heardMs: -Infinity, anyMs: -Infinity, anyWorldMs: -Infinity, epoch: 0, leads: false };
      this.#words.set(owner, words);
    }
    return words;
  }
}

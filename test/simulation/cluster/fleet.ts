import type { SeededRandom } from '../../../src/base/index.ts';
import { FORMAT_MAX } from '../stored-log.ts';
import type { WatchServer } from '../watcher.ts';
import type { Answer } from '../history.ts';
import { Member } from './member.ts';
import type { MemberParts } from './member.ts';

const RESTART_MS = 300;
/** Answers that are about the call, not about the node that gave them. */
const FINE = new Set([
  'LeaseNotFound',
  'LeaseExist',
  'Compacted',
  'FutureRev',
  'DuplicateKey',
  'TooManyRequests',
]);

/** All nodes: one incarnation of each at most is alive. */
export class Fleet {
  readonly names: readonly string[];
  readonly members = new Map<string, Member>();
  readonly counts = { starts: 0, closes: 0, moves: 0, forwarded: 0, followerReads: 0, stores: 0, newer: 0 };
  readonly #parts: MemberParts;
  readonly #closing = new Set<Member>();
  /** The chunk format that the program of each node knows. */
  readonly #knows = new Map<string, number>();
  readonly #random: SeededRandom;
  #incarnations = 0;

  constructor(parts: Omit<MemberParts, 'counts' | 'isAlone' | 'failed'>, names: readonly string[]) {
    const failed: MemberParts['failed'] = (member, error) => this.#failed(member, error);
    this.#parts = { ...parts, failed, counts: this.counts, isAlone: names.length === 1 };
    this.#random = parts.world.random.fork('fleet');
    this.names = names;
    for (const name of names) this.#knows.set(name, 1);
    parts.oracle.onWritten = ({ header: { format, last } }) => {
      for (const { owner, knows } of this.serving())
        parts.oracle.expect(
          knows >= format,
          () => `chunk ${last} is written in format ${format}, which ${owner} does not know`,
        );
      if (format > 1) this.counts.newer++;
    };
  }

  boot(name: string): void {
    const { profile } = this.#parts;
    if (this.counts.starts >= this.names.length && profile.upgrades && this.#random.chance(0.5))
      this.#knows.set(name, FORMAT_MAX);
    const knows = this.#knows.get(name)!;
    const member = new Member(this.#parts, name, { incarnation: ++this.#incarnations, knows });
    this.members.set(name, member);
    this.counts.starts++;
    member.start().catch((error: unknown) => this.#failed(member, error));
  }

  /** Its memory is gone, and what it has under way; it starts again after `downMs`. */
  crash(name: string, downMs: number): void {
    const { world, network } = this.#parts;
    const member = this.members.get(name);
    if (member === undefined) return;
    this.members.delete(name);
    world.kill(member.owner);
    network.leave(member.owner);
    world.schedule('fleet', downMs, () => {
      if (!this.members.has(name)) this.boot(name);
    });
  }

  close(name: string, downMs: number): void {
    const member = this.members.get(name);
    if (member?.isServing !== true || this.#closing.has(member)) return;
    this.#closing.add(member);
    this.counts.closes++;
    member.close().then(
      () => {
        if (this.members.get(name) === member) this.crash(name, downMs);
      },
      (error: unknown) => this.#parts.oracle.fail(`${member.owner} cannot close: ${String(error)}`),
    );
  }

  #failed(member: Member, error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // The one before it is not known to be dead.
    if (code === 'name-taken' && this.members.get(member.name) === member)
      return this.crash(member.name, RESTART_MS);
    // It was down while the others were upgraded.
    if (code === 'format-too-old' && member.knows < FORMAT_MAX) {
      this.#knows.set(member.name, FORMAT_MAX);
      return this.crash(member.name, RESTART_MS);
    }
    const text = error instanceof Error ? (error.stack ?? '') : String(error);
    this.#parts.oracle.fail(`${member.owner} cannot go on: ${text}`);
  }

  moveLeader(to: string): void {
    const target = this.members.get(to)?.node?.memberId;
    const leader = this.leader();
    if (target === undefined || target === 0n || leader?.name === to) return;
    this.counts.moves++;
    leader?.node?.moveLeader(target, () => undefined);
  }

  leader(): Member | undefined {
    return [...this.members.values()].find(({ node }) => node?.leads === true);
  }

  /** All are up: the dead start now, and who is still closing is not waited for. */
  raise(): void {
    for (const name of this.names) {
      const member = this.members.get(name);
      if (member === undefined) this.boot(name);
      else if (this.#closing.has(member)) this.crash(name, 0);
    }
  }

  serving(): Member[] {
    return [...this.members.values()].filter(({ isServing }) => isServing);
  }

  /** How one client goes from node to node: it stays where it is until something goes wrong there, or for a change. */
  route(label: string): { target(): Member | undefined; answered(answer: Answer): void } {
    const random = this.#parts.world.random.fork(`route-${label}`);
    let name: string | undefined;
    return {
      target: () => {
        const member = name === undefined ? undefined : this.members.get(name);
        if (member?.isServing === true) return member;
        const serving = this.serving();
        if (serving.length === 0) return undefined;
        const next = random.pick(serving);
        name = next.name;
        return next;
      },
      answered: (answer) => {
        const isBad = answer.kind === 'unknown' || (answer.kind === 'error' && !FINE.has(answer.code));
        if (isBad || random.chance(0.03)) name = undefined;
      },
    };
  }

  /** The same for a watcher, which stays with one incarnation as long as it can. */
  watchRoute(label: string, needsLeader = false): () => WatchServer | undefined {
    const random = this.#parts.world.random.fork(`watch-route-${label}`);
    let member: Member | undefined;
    return () => {
      const serving = this.serving();
      // Who has a stream there is told when it ends.
      const isTold = (member?.leaderLost.size ?? 0) > 0;
      const isFine = !needsLeader || isTold || member?.node?.hasLeader() === true;
      if (member !== undefined && serving.includes(member) && isFine && !random.chance(0.02)) return member;
      member = serving.length === 0 ? undefined : random.pick(serving);
      return member;
    };
  }
}

import { decodeMembersRecord } from '../../../src/cluster/members-record.ts';
import type { Oracle } from '../oracle.ts';
import type { World } from '../world.ts';
import type { Member } from './member.ts';
import type { SimNetwork } from './network.ts';

const EVERY_MS = 500;
/** A member that is silent for so long may be left out of a list (10 s), less what one beat may take. */
const SILENT_MS = 8_000;

interface Registered {
  readonly atMs: number;
  readonly owner: string;
  readonly names: readonly string[];
}

export interface MembershipParts {
  readonly world: World;
  readonly oracle: Oracle;
  readonly network: SimNetwork;
  readonly names: readonly string[];
  readonly members: () => Iterable<Member>;
  /** How far clocks may have gone since. */
  readonly clockMs: (fromMs: number) => number;
}

/** Judges the record of members, at each instant that it is replaced, and what nodes say of it (MemberList). */
export class Membership {
  readonly #parts: MembershipParts;
  /** Every record there was. */
  readonly #records: Registered[] = [];
  /** The chunk format in use. */
  #writes = 1;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    const { oracle } = parts;
    const before = oracle.onWritten;
    oracle.onWritten = (chunk) => {
      before(chunk);
      const { format, last } = chunk.header;
      oracle.expect(
        format <= this.#writes,
        () => `chunk ${last} is written in format ${format}, agreed is ${this.#writes}`,
      );
    };
  }

  async run(): Promise<void> {
    const { world, members } = this.#parts;
    for (;;) {
      await world.sleep('judge', EVERY_MS);
      for (const member of members()) this.#judge(member);
    }
  }

  landed(value: Uint8Array, owner: string): void {
    const { world, oracle } = this.#parts;
    // Fails when a member knows less than what is written.
    const { writes, members } = decodeMembersRecord(value);
    oracle.expect(writes >= this.#writes, () => `the format in use falls to ${writes} from ${this.#writes}`);
    this.#writes = writes;
    this.#records.push({ atMs: world.nowMs(), owner, names: members.map(({ name }) => name) });
  }

  #judge({ node, owner, name, isServing }: Member): void {
    const { oracle, names, network } = this.#parts;
    if (node === undefined || !isServing) return;
    const listed = node.members();
    const found = listed.map((member) => member.name);
    const isOrdered = [...new Set(found)].sort().join() === found.join();
    const isKnown = listed.every((member) => {
      const urls = network.urlsOf(member.name).join();
      return (
        names.includes(member.name) && member.clientUrls.join() === urls && member.peerUrls.join() === urls
      );
    });
    oracle.expect(isOrdered && isKnown, () => `${owner} lists ${found.join()} as members`);
    for (const wanted of this.#certain(owner, name))
      oracle.expect(found.includes(wanted), () => `${owner} lists ${found.join()}, and not ${wanted}`);
  }

  /** Who is in every record that this node can have read last, and was not silent for long by then. */
  #certain(owner: string, self: string): string[] {
    const { names, clockMs } = this.#parts;
    const own = this.#records.map((record, at) => (record.owner === owner ? at : -1)).filter((at) => at >= 0);
    // Before it sent the last one, it had read what was there at the one before or later.
    const since = own.at(-2);
    const isCertain = (name: string): boolean => {
      if (name === self) return true;
      if (since === undefined) return false;
      const isIn = this.#records.slice(since).every((record) => record.names.includes(name));
      const beat = this.#records.slice(0, since + 1).findLast((record) => nameOf(record.owner) === name);
      return isIn && beat !== undefined && clockMs(beat.atMs) < SILENT_MS;
    };
    return names.filter(isCertain);
  }
}

const nameOf = (owner: string): string => owner.split('#')[0]!;

import type { Backoff } from '../backoff.ts';
import type { Channels } from '../channels.ts';
import { pdCodecs } from '../codec/codec.ts';
import type { TikvEnvironment } from '../environment.ts';
import { asError, TikvError } from '../errors.ts';
import type { PdResponses } from '../pd-messages.ts';
import { within } from '../within.ts';
import { memberAddress } from './endpoints.ts';
import { headerError } from './header.ts';

/** For one member to answer. */
const TIMEOUT_MS = 3000;
/** Members may come and go without that anything fails here. */
const REFRESH_EVERY_MS = 60_000;
/** Addresses beyond are not asked. */
const ADDRESSES_MAX = 64;

type MemberChannels = Pick<Channels, 'unary' | 'drop'>;

interface MembersParts {
  /** `host:port`; at least one. They are asked for ever, whatever the members say. */
  readonly given: readonly string[];
  readonly channels: MemberChannels;
  readonly environment: TikvEnvironment;
}

/**
 * Who the members of the placement driver are, and which of them leads.
 *
 * 1. A round asks every address at once: those that were given and those that members named. One round serves all who
 *    wait for it.
 * 2. The first answer that names a leader counts, but for one that names the leader that has just failed: that counts
 *    only if nobody knows a newer one.
 * 3. The first answer of all fixes the cluster id; answers from another cluster count for nothing.
 */
export class Members {
  readonly #given: readonly string[];
  readonly #channels: MemberChannels;
  readonly #environment: TikvEnvironment;
  #named: readonly string[] = [];
  #clusterId = 0n;
  #leader: string | undefined;
  #suspect: string | undefined;
  #round: Promise<string> | undefined;
  #cancelRefresh: () => void = () => undefined;
  #isClosed = false;

  constructor(parts: MembersParts) {
    this.#given = parts.given;
    this.#channels = parts.channels;
    this.#environment = parts.environment;
    this.#refreshLater();
  }

  /** 0 until the first round has ended well. */
  get clusterId(): bigint {
    return this.#clusterId;
  }

  /** The address of the leader, as far as it is known and has not failed. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /** All known addresses. */
  get addresses(): readonly string[] {
    return [...new Set([...this.#given, ...this.#named])].slice(0, ADDRESSES_MAX);
  }

  /** Finds the leader, in as many rounds as it takes. Rejects as `Backoff.wait` does. */
  async find(backoff: Backoff): Promise<string> {
    for (;;) {
      this.checkOpen();
      if (this.#leader !== undefined) return this.#leader;
      const round = this.refresh();
      // It is not this caller's alone: it goes on without him, and then its failure is nobody's.
      round.catch(() => undefined);
      await within(this.#environment, { work: round }, backoff);
      try {
        return await round;
      } catch (error) {
        if (error instanceof TikvError) throw error;
        await backoff.wait('pd', asError(error));
      }
    }
  }

  /** The leader at `address` failed, or said that it is none. */
  fail(address: string): void {
    if (this.#leader !== address) return;
    this.#leader = undefined;
    this.#suspect = address;
  }

  /** One round, or the one under way. Rejects with an Error if nobody knows a leader. */
  refresh(): Promise<string> {
    this.#round ??= this.#ask().finally(() => (this.#round = undefined));
    return this.#round;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRefresh();
  }

  #ask(): Promise<string> {
    const addresses = this.addresses;
    const suspect = this.#suspect;
    const enough = new AbortController();
    let left = addresses.length;
    let fallback: string | undefined;
    let lastError = new Error('No member of the placement driver knows a leader');
    return new Promise((resolve, reject) => {
      const decide = (leader: string): void => {
        enough.abort();
        this.#lead(leader);
        resolve(leader);
      };
      const answered = (leader: string | undefined): void => {
        if (enough.signal.aborted) return;
        if (leader !== undefined && leader !== suspect) return decide(leader);
        fallback ??= leader;
        left -= 1;
        if (left > 0) return;
        if (fallback === undefined) reject(lastError);
        else decide(fallback);
      };
      for (const address of addresses) {
        this.#askOne(address, enough.signal).then(answered, (error: unknown) => {
          lastError = asError(error);
          answered(undefined);
        });
      }
    });
  }

  async #askOne(address: string, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#channels.unary(
      { address, lane: 'pd' },
      { method: pdCodecs().GetMembers, timeoutMs: TIMEOUT_MS, signal },
      { header: { clusterId: this.#clusterId } },
    );
    if (signal.aborted) return undefined;
    const { header, leader } = answer;
    const clusterId = this.#clusterId === 0n ? (header?.clusterId ?? 0n) : this.#clusterId;
    const refusal = headerError(header, clusterId);
    if (refusal !== undefined) throw new Error(`${address}: ${refusal.message}`, { cause: refusal });
    const leaderAddress = leader === undefined ? undefined : memberAddress(leader);
    // A member that knows no leader may be cut off, and what it says of the others old.
    if (leaderAddress === undefined) return undefined;
    this.#clusterId = clusterId;
    this.#name(answer.members);
    return leaderAddress;
  }

  #name(members: PdResponses['GetMembers']['members']): void {
    const named = members.map(memberAddress).filter((address) => address !== undefined);
    if (named.length === 0) return;
    const before = this.addresses;
    this.#named = named;
    const now = new Set(this.addresses);
    for (const address of before) if (!now.has(address)) this.#channels.drop(address);
  }

  #lead(leader: string): void {
    if (this.#leader === leader) return;
    this.#environment.logger.info('Found the leader of the placement driver', { leader });
    this.#leader = leader;
    this.#suspect = undefined;
  }

  #refreshLater(): void {
    this.#cancelRefresh = this.#environment.scheduler.after(REFRESH_EVERY_MS, () => {
      this.refresh().catch((error: unknown) => {
        if (this.#isClosed) return;
        const { message } = asError(error);
        this.#environment.logger.warn('Cannot ask the placement driver for its members', { error: message });
      });
      if (!this.#isClosed) this.#refreshLater();
    });
  }

  /** Throws TikvError `closed` after `close`. */
  checkOpen(): void {
    if (this.#isClosed) throw new TikvError('closed', 'The client is closed');
  }
}

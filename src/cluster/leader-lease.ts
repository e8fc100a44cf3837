import type { Bytes, Cancel, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { assert, equalBytes } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { ClusterError } from './errors.ts';
import { decodeLeaderRecord, encodeLeaderRecord } from './leader-record.ts';
import type { LeaderRecord } from './leader-record.ts';
import type { LeadClaim } from './lead-claim.ts';
import { SharedRecord } from './shared-record.ts';

/** A candidate waits this many times the holder's lease: its clock may run 10 % fast, and the holder's 10 % slow. */
const CANDIDATE_WAIT = 1.25;

/** In lease times after its end: long enough for another to have claimed it, and to have taken the log over. */
const OVERDUE_LEASES = 3;

/** So many times as often as else a record is looked at that was given up. */
const VACANT_LOOKS = 10;

export interface LeaderLeaseOptions {
  readonly engine: Engine;
  readonly key: Bytes;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly self: Pick<LeaderRecord, 'holder' | 'name' | 'peerUrls'>;
  /** No epoch is claimed that is not above this: the highest that the log has seen. */
  readonly epochInLog: () => number;
}

/** What becomes of the lease. All are called in turns of their own. */
export interface LeaderLeaseListener {
  /** This node has it, with an epoch above all before. */
  claimed(epoch: number): void;
  renewed(): void;
  /** Somebody else has it, or this node has given it up. */
  lost(): void;
  /** Another holds it, as far as is known. */
  follows(record: LeaderRecord): void;
}

/**
 * The leader lease (design.md 2): a record beside the head, renewed by compare-and-set. Writes do not depend on it, their
 * fence is the head; it decides who tries to write, and until when the leader may answer from what it knows.
 *
 * 1. The lease runs from before its renewal was sent, by this node's monotonic clock.
 * 2. A candidate waits 1.25 times the holder's lease from when it first received the record as it still is. So while clocks
 *    run within 10 % of each other, no epoch begins while another's lease runs, also where nodes have different ones.
 * 3. An epoch is claimed by one node only, and each is higher than all before.
 */
export class LeaderLease implements LeadClaim {
  readonly #options: LeaderLeaseOptions;
  readonly #listener: LeaderLeaseListener;
  readonly #record: SharedRecord;
  readonly #abort = new AbortController();
  /** Ours, as it is stored; undefined while another has it. */
  #held: LeaderRecord | undefined;
  #untilMs = -Infinity;
  /** The last renewal: of what, and when it was first sent. One that failed is sent again, and may have been seen before. */
  #renewal: { readonly of: LeaderRecord; readonly sentMs: number } | undefined;
  /** What was seen of another's record, and since when it has not changed. */
  #seen: Bytes | undefined;
  #seenSinceMs = 0;
  #hasSeen = false;
  /** Nobody has it, and somebody will soon: who is to be followed then is looked for more often. */
  #isVacant = false;
  /** When it may be claimed, if it does not change. */
  #dueAtMs = 0;
  /** Not before this time: the lead was handed to somebody else. */
  #standsBackUntilMs = -Infinity;
  /** Who waits for the lease to be given up, and for whom it is then: an incarnation, or empty. */
  #releasing: (() => void)[] = [];
  #releasedTo = '';
  /** The next look does not wait. */
  #isLookDue = false;
  #isClaiming = false;
  /** No two claims are the same bytes: one that failed, and landed unheard of, is not taken for the next. */
  #claims = 0;
  /** That the record cannot be looked after is said once, until it can be again. */
  #isAway = false;
  #running: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor(options: LeaderLeaseOptions, listener: LeaderLeaseListener) {
    assert(options.renewMs < options.leaseMs, 'a lease is renewed before it ends');
    this.#options = options;
    this.#listener = listener;
    const { engine, key, scheduler, random } = options;
    this.#record = new SharedRecord({ engine, key, scheduler, random, signal: this.#abort.signal });
  }

  start(): void {
    assert(this.#running === undefined, 'a lease is started once');
    this.#running = this.#run();
  }

  /** Whether no other node can have begun an epoch yet. */
  holds(): boolean {
    return this.#options.clock.nowMs() < this.#untilMs;
  }

  isOverdue(): boolean {
    const { clock, leaseMs } = this.#options;
    return this.#held !== undefined && clock.nowMs() > this.#untilMs + OVERDUE_LEASES * leaseMs;
  }

  /** The epoch that this node has claimed and, as far as it knows, still has. */
  get epoch(): number | undefined {
    return this.#held?.epoch;
  }

  /** Looks at the record at once: something is known to have changed. */
  look(): void {
    this.#isLookDue = true;
    this.#wake();
  }

  /**
   * Gives the lease up, so that another need not wait for its end: at best `to`, for whom the others stand back for as long
   * as a lease lasts. This node does not claim it for a while. Resolves when that is written down, or cannot be.
   */
  async release(to: string): Promise<void> {
    const isNothing = this.#held === undefined && !this.#isClaiming;
    if (isNothing || this.#abort.signal.aborted) return;
    this.#untilMs = -Infinity;
    this.#releasedTo = to;
    const released = new Promise<void>((resolve) => this.#releasing.push(resolve));
    this.#wake();
    await released;
  }

  /** Nothing is claimed or renewed any more. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake();
    await this.#running;
    this.#held = undefined;
    this.#untilMs = -Infinity;
  }

  /** A failure in a listener ends the process. */
  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#isLookDue = false;
      try {
        if (this.#held === undefined) await this.#look();
        else if (this.#releasing.length > 0) await this.#giveUp(this.#held);
        else await this.#renew(this.#held);
        this.#isAway = false;
      } catch (error) {
        this.#away(error);
      }
      if (this.#held === undefined) for (const resolve of this.#releasing.splice(0)) resolve();
      if (this.#releasing.length === 0) await this.#pause();
    }
    for (const resolve of this.#releasing.splice(0)) resolve();
  }

  /** The engine does not answer, or the record cannot be read: the lease ends by itself meanwhile. */
  #away(error: unknown): void {
    if (!(error instanceof EngineError || error instanceof ClusterError)) throw error;
    if (!this.#isAway && !this.#abort.signal.aborted)
      this.#options.logger.error('the leader lease cannot be looked after, it is tried again', { error });
    this.#isAway = true;
  }

  async #giveUp(held: LeaderRecord): Promise<void> {
    const { clock, leaseMs } = this.#options;
    this.#standsBackUntilMs = clock.nowMs() + leaseMs * 2;
    this.#lose();
    const released = { ...held, counter: held.counter + 1, released: true, to: this.#releasedTo };
    await this.#record.replace(encodeLeaderRecord(held), encodeLeaderRecord(released));
  }

  async #renew(held: LeaderRecord): Promise<void> {
    const { clock, leaseMs } = this.#options;
    const sentMs = this.#renewal?.of === held ? this.#renewal.sentMs : clock.nowMs();
    this.#renewal = { of: held, sentMs };
    const next = { ...held, counter: held.counter + 1 };
    const replaced = await this.#record.replace(encodeLeaderRecord(held), encodeLeaderRecord(next));
    if (this.#held !== held || replaced === undefined) return;
    if (!replaced) return this.#lose();
    this.#held = next;
    if (this.#releasing.length > 0) return;
    this.#untilMs = sentMs + leaseMs;
    if (this.holds()) this.#listener.renewed();
    // It took longer than the lease lasts.
    else this.#isLookDue = true;
  }

  /** Another has it, or nobody: watches the record, and claims it once it has not changed for long enough. */
  async #look(): Promise<void> {
    const { clock } = this.#options;
    const bytes = await this.#record.read();
    const nowMs = clock.nowMs();
    const record = bytes === undefined ? undefined : decodeLeaderRecord(bytes);
    const isSame = this.#hasSeen && isEqual(bytes, this.#seen);
    if (!isSame) {
      [this.#seen, this.#seenSinceMs, this.#hasSeen] = [bytes, nowMs, true];
      if (record?.released === false) this.#listener.follows(record);
    }
    this.#isVacant = record?.released === true;
    this.#dueAtMs = this.#dueMs(record);
    if (nowMs >= this.#dueAtMs) await this.#claim(bytes, record);
  }

  /** When this node may claim a record that does not change any more. */
  #dueMs(record: LeaderRecord | undefined): number {
    const { leaseMs, self } = this.#options;
    let waitMs = 0;
    if (record?.released === false) waitMs = record.leaseMs * CANDIDATE_WAIT;
    // It was handed back: the others stand back for this node, which is not to stand back for them.
    else if (record?.to === self.holder) return this.#seenSinceMs;
    else if (record !== undefined && record.to !== '') waitMs = leaseMs;
    return Math.max(this.#seenSinceMs + waitMs, this.#standsBackUntilMs);
  }

  async #claim(bytes: Bytes | undefined, before: LeaderRecord | undefined): Promise<void> {
    const { clock, leaseMs, self, epochInLog, logger } = this.#options;
    const sentMs = clock.nowMs();
    const epoch = Math.max(before?.epoch ?? 0, epochInLog()) + 1;
    const { holder, name, peerUrls } = self;
    const counter = this.#claims++;
    const record: LeaderRecord = { holder, name, peerUrls, epoch, counter, leaseMs, released: false, to: '' };
    this.#isClaiming = true;
    const replaced = await this.#record.replace(bytes, encodeLeaderRecord(record)).finally(() => {
      this.#isClaiming = false;
      this.#hasSeen = false;
    });
    // Somebody else was faster, and is to be followed.
    if (replaced === false) this.#isLookDue = true;
    if (replaced !== true) return;
    this.#held = record;
    // It was given up before it was had: the next round writes that down.
    if (this.#releasing.length > 0) return;
    this.#untilMs = sentMs + leaseMs;
    logger.info('claimed the leader lease', { epoch, before: before?.name });
    this.#listener.claimed(epoch);
  }

  #lose(): void {
    this.#held = undefined;
    this.#untilMs = -Infinity;
    this.#hasSeen = false;
    this.#listener.lost();
  }

  /** Candidates look at different times, so that they seldom claim at once; but none later than when a lease has ended. */
  #pause(): Promise<void> {
    const { scheduler } = this.#options;
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      this.#wake = () => {
        cancel();
        resolve();
      };
      if (this.#abort.signal.aborted || this.#isLookDue) resolve();
      else cancel = scheduler.after(this.#delayMs(), resolve);
    });
  }

  #delayMs(): number {
    const { clock, random, renewMs } = this.#options;
    if (this.#held !== undefined) return renewMs;
    const everyMs = this.#isVacant ? renewMs / VACANT_LOOKS : renewMs;
    const delayMs = everyMs * (0.5 + random.next() / 2);
    if (!this.#hasSeen) return delayMs;
    const leftMs = this.#dueAtMs - clock.nowMs();
    return leftMs > 0 ? Math.min(delayMs, leftMs) : delayMs;
  }
}

function isEqual(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

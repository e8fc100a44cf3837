import type { Cancel } from '../../base/index.ts';
import { asError, TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import { GC_LIFE_MS_MIN } from './collect.ts';

/** No collector takes what is younger than twice this: so long a snapshot needs no hold. */
const FREE_MS = GC_LIFE_MS_MIN / 2;
/** What is read for so long is likely to be read for longer than `FREE_MS`. */
const YOUNG_SHARE = 1 / 5;
/** Nobody holds the garbage of a cluster for longer: as TiDB's `tidb_gc_max_wait_time`. */
const KEPT_MS_MAX = 24 * 3_600_000;
/** A hold whose holder is gone ends by itself after this. */
const TTL_MS = 5 * 60_000;
/** Of the time to live: renewed so often, after a failure so often, and counted upon for so long (clocks differ). */
const RENEW_SHARE = 1 / 5;
const RETRY_SHARE = 1 / 30;
const TRUST_SHARE = 9 / 10;
const CLAIM_BUDGET_MS = 15_000;
/** A hold that cannot be withdrawn ends by itself: a close does not wait for long. */
const WITHDRAW_BUDGET_MS = 3000;

export interface KeeperOptions {
  /**
   * Who reads: the first part of the service's id, which the tools of the placement driver show. What is no letter, digit,
   * `.`, `_` or `-` becomes `_`.
   */
  readonly name: string;
  /** A snapshot is read for so long without a hold, in milliseconds. @default 5 minutes: half of the least life of garbage */
  readonly freeMs?: number;
  /** How long a hold outlasts its holder, in milliseconds; whole seconds. @default 5 minutes */
  readonly ttlMs?: number;
}

/** A timestamp whose snapshot is being read. */
export interface KeptSnapshot {
  /** Throws TikvError `snapshot_too_old` if what is visible at it may have been collected. Costs no call. */
  verify(): void;
  /** It is not read any more. Calling it again is harmless. */
  release(): void;
}

interface Kept {
  readonly timestamp: bigint;
  readonly sinceMs: number;
  /** What was visible is gone for good. */
  lost?: TikvError;
}

interface Hold {
  /** Of this hold alone, so that a late withdrawal of an earlier one does not end it. */
  readonly serviceId: string;
  /** What the placement driver has taken; undefined until it has. */
  safePoint?: bigint;
  /** By the clock, from before it was asked. */
  untilMs: number;
  renewAtMs: number;
}

/**
 * Keeps the versions that snapshots show from being collected while they are read, for as long as that takes (tikv.md B.9).
 *
 * A snapshot is a number and costs nothing. One that is read for a minute gets a hold: a safe point of a service of its
 * own at the placement driver, below which no collector goes; all snapshots of a keeper share the one of the oldest. It is
 * renewed every minute, withdrawn when the read ends, and ends by itself some minutes after its process.
 *
 * 1. The least safe point of all services only grows, and every collector stays below it. So a claim that was taken, for
 *    the first time or again after it had expired, says that nothing of it has been collected; one that was not taken
 *    says that it may have been.
 * 2. Nothing depends on this for being right: reads of old snapshots ask for the safe point themselves, after the read.
 */
export class SnapshotKeeper {
  readonly #session: Session;
  readonly #name: string;
  readonly #freeMs: number;
  readonly #ttlMs: number;
  readonly #kept = new Set<Kept>();
  readonly #stopping = new AbortController();
  #hold: Hold | undefined;
  /** Why the last round failed; undefined if it did not. */
  #trouble: Error | undefined;
  #cancel: Cancel | undefined;
  #round: Promise<void> | undefined;

  constructor(session: Session, options: KeeperOptions) {
    this.#session = session;
    this.#name = options.name.replaceAll(/[^\w.-]/g, '_');
    this.#freeMs = options.freeMs ?? FREE_MS;
    this.#ttlMs = options.ttlMs ?? TTL_MS;
  }

  /**
   * From now on the snapshot at `timestamp` is kept, until it is released: for a day at most.
   *
   * @param sinceMs by the clock, before the timestamp was asked for
   */
  keep(timestamp: bigint, sinceMs: number): KeptSnapshot {
    const kept: Kept = { timestamp, sinceMs };
    this.#kept.add(kept);
    if (this.#cancel === undefined && this.#round === undefined) this.#plan();
    return { verify: () => this.#verify(kept), release: () => this.#release(kept) };
  }

  /** Withdraws the hold. Resolves when that has ended, well or not. Calling it again is harmless. */
  async stop(): Promise<void> {
    this.#stopping.abort(new TikvError('aborted', 'The keeper of snapshots was stopped'));
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#round;
    this.#kept.clear();
    if (this.#hold !== undefined) await this.#withdraw(this.#hold);
  }

  #verify(kept: Kept): void {
    if (kept.lost !== undefined) throw kept.lost;
    const nowMs = this.#session.environment.clock.nowMs();
    const ageMs = nowMs - kept.sinceMs;
    if (ageMs <= this.#freeMs || this.#holds(kept, nowMs)) return;
    const seconds = Math.round(ageMs / 1000);
    const cause = this.#trouble;
    const why = cause === undefined ? '' : `: ${cause.message}`;
    throw new TikvError(
      'snapshot_too_old',
      `What a snapshot of ${seconds} s ago shows may be collected, it is not held${why}`,
      { cause },
    );
  }

  #holds({ timestamp }: Kept, nowMs: number): boolean {
    const { safePoint, untilMs = 0 } = this.#hold ?? {};
    return safePoint !== undefined && safePoint <= timestamp && nowMs < untilMs;
  }

  #release(kept: Kept): void {
    if (!this.#kept.delete(kept) || this.#hold === undefined || this.#round !== undefined) return;
    if (this.#least() === undefined) this.#after(0);
  }

  /** What the hold has to be at: undefined while everything that is read is young. */
  #least(): bigint | undefined {
    const nowMs = this.#session.environment.clock.nowMs();
    let least: bigint | undefined;
    let isOld = false;
    for (const { timestamp, sinceMs, lost } of this.#kept) {
      if (lost !== undefined) continue;
      if (nowMs - sinceMs >= this.#freeMs * YOUNG_SHARE) isOld = true;
      if (least === undefined || timestamp < least) least = timestamp;
    }
    return isOld ? least : undefined;
  }

  /** When there is something to do next. */
  #plan(): void {
    const nowMs = this.#session.environment.clock.nowMs();
    if (this.#least() !== undefined) {
      const renewAtMs = this.#hold?.renewAtMs ?? nowMs;
      this.#after(this.#trouble === undefined ? renewAtMs - nowMs : this.#ttlMs * RETRY_SHARE);
    } else if (this.#hold !== undefined) {
      this.#after(0);
    } else {
      let firstMs = Infinity;
      for (const { sinceMs, lost } of this.#kept)
        if (lost === undefined) firstMs = Math.min(firstMs, sinceMs);
      if (firstMs < Infinity) this.#after(firstMs + this.#freeMs * YOUNG_SHARE - nowMs);
    }
  }

  #after(delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancel?.();
    this.#cancel = this.#session.environment.scheduler.after(Math.max(0, delayMs), () => {
      this.#cancel = undefined;
      this.#round = this.#run().finally(() => {
        this.#round = undefined;
        this.#plan();
      });
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, logger } = this.#session.environment;
    const oldestMs = clock.nowMs() - KEPT_MS_MAX;
    const hours = KEPT_MS_MAX / 3_600_000;
    this.#lose(`it has been read for ${hours} hours`, ({ sinceMs }) => sinceMs < oldestMs);
    try {
      await this.#adjust();
      this.#trouble = undefined;
    } catch (error) {
      // Whoever closed the client stops this.
      if (error instanceof TikvError && error.code === 'closed') this.#stopping.abort(error);
      if (this.#stopping.signal.aborted) return;
      const isNew = this.#trouble === undefined;
      this.#trouble = asError(error);
      if (!isNew) return;
      logger.warn('cannot hold what a long read of TiKV needs, it is tried again', {
        error: this.#trouble.message,
      });
    }
  }

  /** Claims what has to be held, until nothing is refused; or withdraws. */
  async #adjust(): Promise<void> {
    for (;;) {
      const least = this.#least();
      if (least === undefined) {
        if (this.#hold !== undefined) await this.#withdraw(this.#hold);
        return;
      }
      const allowed = await this.#claim(least);
      if (allowed <= least) return;
      const why = `the placement driver keeps nothing below ${allowed}`;
      this.#lose(why, ({ timestamp }) => timestamp < allowed);
    }
  }

  /** Answers the least safe point of all services: above `safePoint` if the claim was not taken. */
  async #claim(safePoint: bigint): Promise<bigint> {
    const { environment, pd } = this.#session;
    const { clock, logger, random } = environment;
    const sentMs = clock.nowMs();
    const backoff = this.#session.readBackoff(CLAIM_BUDGET_MS, this.#stopping.signal);
    const isFirst = this.#hold === undefined;
    this.#hold ??= {
      serviceId: `${this.#name}-${random.next63().toString(16)}`,
      ...{ untilMs: sentMs, renewAtMs: sentMs },
    };
    const hold = this.#hold;
    const { serviceId } = hold;
    const ttlSeconds = BigInt(Math.ceil(this.#ttlMs / 1000));
    const allowed = await pd.updateServiceSafePoint({ serviceId, ttlSeconds, safePoint }, backoff);
    if (allowed > safePoint) {
      delete hold.safePoint;
      return allowed;
    }
    hold.safePoint = safePoint;
    hold.untilMs = sentMs + this.#ttlMs * TRUST_SHARE;
    hold.renewAtMs = sentMs + this.#ttlMs * RENEW_SHARE;
    const fields = { serviceId, safePoint: String(safePoint) };
    if (isFirst) logger.info('a read of TiKV takes long: what it needs is held', fields);
    return allowed;
  }

  /** What those that `isGone` picks show is kept no longer. */
  #lose(why: string, isGone: (kept: Kept) => boolean): void {
    for (const kept of this.#kept) {
      if (kept.lost !== undefined || !isGone(kept)) continue;
      kept.lost = new TikvError(
        'snapshot_too_old',
        `What is visible at ${kept.timestamp} may be collected: ${why}`,
      );
      const fields = { timestamp: String(kept.timestamp), why };
      this.#session.environment.logger.warn('a long read of TiKV has lost its snapshot', fields);
    }
  }

  /** Never rejects: what cannot be withdrawn ends by itself. */
  async #withdraw(hold: Hold): Promise<void> {
    const { environment, pd } = this.#session;
    const { serviceId } = hold;
    this.#hold = undefined;
    try {
      const backoff = this.#session.writeBackoff(WITHDRAW_BUDGET_MS);
      await pd.updateServiceSafePoint({ serviceId, ttlSeconds: 0n, safePoint: 0n }, backoff);
      environment.logger.info('what a long read of TiKV needed is held no longer', { serviceId });
    } catch (error) {
      environment.logger.warn('cannot withdraw the hold of a long read of TiKV, which ends by itself', {
        ...{ serviceId, ttlMs: this.#ttlMs, error: asError(error).message },
      });
    }
  }
}

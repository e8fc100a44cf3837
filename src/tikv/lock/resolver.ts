import { assert } from '../../base/index.ts';
import type { EndSignal } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import type { Background } from '../background.ts';
import type { TikvEnvironment } from '../environment.ts';
import type { Oracle } from '../oracle.ts';
import { parallel } from '../parallel.ts';
import type { Regions } from '../region/regions.ts';
import type { Lock } from './lock.ts';
import { isPessimistic, lockError } from './lock.ts';
import { LockCleaner } from './lock-cleaner.ts';
import { StatusCache } from './status-cache.ts';
import { StatusChecker } from './status-checker.ts';
import type { FinalStatus, TxnStatus } from './txn-status.ts';

/** For removing locks in the background. */
const CLEAN_BUDGET_MS = 20_000;
/** Transactions whose status is asked for at once. */
const STATUSES_MAX = 8;

/** What a read may do with locks that it has met. Both hold start timestamps, for this read's timestamp only. */
export interface ReadLocks {
  /** Rolled back, or committed after the read's timestamp: the value below the lock is the right one. */
  readonly ignored: readonly bigint[];
  /** Committed before: the lock's own value is the right one. */
  readonly committed: readonly bigint[];
}

interface Parts {
  readonly environment: TikvEnvironment;
  readonly regions: Regions;
  readonly oracle: Oracle;
  readonly background: Background;
  /** Ends the work in the background. */
  readonly signal: EndSignal;
}

/**
 * Gets past locks of other transactions (tikv.md B.6). A lock of a transaction that is decided is removed; one of a
 * client that died is decided here, once its time to live is over; one of a living client is waited for.
 */
export class LockResolver {
  readonly #parts: Parts;
  readonly #checker: StatusChecker;
  readonly #cleaner: LockCleaner;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#cleaner = new LockCleaner(parts.regions);
    const { regions, oracle } = parts;
    const decided = (primary: Lock, status: FinalStatus): void => this.#cleanAllLater(primary, status);
    this.#checker = new StatusChecker({ regions, oracle, cache: new StatusCache(), decided });
  }

  /**
   * For a read at `readTimestamp` that was stopped by `locks`. When it resolves, the read is to be tried again with what
   * it yields in the request's context; locks that it can neither ignore nor look through have been waited for a while.
   * The decided ones are removed in the background.
   */
  async resolveForRead(locks: readonly Lock[], readTimestamp: bigint, backoff: Backoff): Promise<ReadLocks> {
    const ignored: bigint[] = [];
    const committed: bigint[] = [];
    let waitMs = Infinity;
    for (const { own, status } of await this.#statuses(locks, readTimestamp, backoff)) {
      const version = own[0]!.lockVersion;
      switch (status.kind) {
        case 'committed':
          (status.commitTimestamp <= readTimestamp ? committed : ignored).push(version);
          this.#cleanLater(own, status);
          break;
        case 'rolled-back':
          ignored.push(version);
          this.#cleanLater(own, status);
          break;
        case 'gone':
          ignored.push(version);
          break;
        case 'alive':
          if (status.pushed) ignored.push(version);
          else waitMs = Math.min(waitMs, status.ttlLeftMs);
      }
    }
    if (waitMs < Infinity) await backoff.wait('txn-lock-fast', lockError(locks[0]!), waitMs);
    return { ignored, committed };
  }

  /**
   * For a write that was stopped by `locks`. When it resolves, the write is to be tried again: decided locks are gone,
   * and those of living transactions have been waited for a while.
   */
  async resolveForWrite(locks: readonly Lock[], backoff: Backoff): Promise<void> {
    let waitMs = Infinity;
    for (const { own, status } of await this.#statuses(locks, 0n, backoff)) {
      if (status.kind === 'alive') waitMs = Math.min(waitMs, status.ttlLeftMs);
      else if (status.kind === 'gone') await this.#cleaner.forget(own, backoff);
      else await this.#cleaner.clean(own, status, backoff);
    }
    if (waitMs < Infinity) await backoff.wait('txn-lock', lockError(locks[0]!), waitMs);
  }

  /** Decides the transaction of `lock` for good, alive or not (`StatusChecker.finish`). The lock itself stays. */
  finish(lock: Lock, backoff: Backoff): Promise<FinalStatus> {
    return this.#checker.finish(lock, backoff);
  }

  /** Removes pessimistic locks of one transaction and nothing else of it. */
  forget(locks: readonly Lock[], backoff: Backoff): Promise<void> {
    return this.#cleaner.forget(locks, backoff);
  }

  /** The locks by transaction, with what became of each. */
  async #statuses(
    locks: readonly Lock[],
    callerTimestamp: bigint,
    backoff: Backoff,
  ): Promise<{ own: readonly Lock[]; status: TxnStatus }[]> {
    assert(locks.length > 0, 'there are locks to resolve');
    return parallel(byTransaction(locks), STATUSES_MAX, async (own) => ({
      own,
      status: await this.#checker.status(own[0]!, callerTimestamp, backoff),
    }));
  }

  #cleanAllLater(primary: Lock, status: FinalStatus): void {
    const { environment, background, signal } = this.#parts;
    const keys = [primary.key, ...primary.secondaries];
    background.start('resolve-async-commit', () =>
      this.#cleaner.cleanKeys(
        { keys, startTimestamp: primary.lockVersion },
        status,
        new Backoff(environment, CLEAN_BUDGET_MS, signal),
      ),
    );
  }

  #cleanLater(locks: readonly Lock[], status: FinalStatus): void {
    const { environment, background, signal } = this.#parts;
    background.start('resolve-locks', () =>
      this.#cleaner.clean(locks, status, new Backoff(environment, CLEAN_BUDGET_MS, signal)),
    );
  }
}

/** Pessimistic locks apart from the others: the primary is asked about them in another way. */
export function byTransaction(locks: readonly Lock[]): Lock[][] {
  const groups = new Map<string, Lock[]>();
  for (const lock of locks) {
    const id = `${lock.lockVersion}/${isPessimistic(lock)}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [lock]);
    else group.push(lock);
  }
  return [...groups.values()];
}

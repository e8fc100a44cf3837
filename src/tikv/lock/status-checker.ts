import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import { callForKey, callForKeys } from '../keyed-calls.ts';
import type { Oracle } from '../oracle.ts';
import type { Regions } from '../region/regions.ts';
import { TIMESTAMP_MAX } from '../timestamp.ts';
import type { Lock } from './lock.ts';
import { isPessimistic, lockError, ttlLeftMs } from './lock.ts';
import { SecondaryVotes } from './secondary-votes.ts';
import type { StatusAnswer } from './status-answer.ts';
import { readStatus } from './status-answer.ts';
import type { StatusCache } from './status-cache.ts';
import type { FinalStatus, TxnStatus } from './txn-status.ts';

/** Keys of one CheckSecondaryLocks. */
const SECONDARIES_MAX = 1024;

interface Question {
  /** The start timestamp of the reader that the lock shall let pass; 0 for none. */
  readonly callerTimestamp: bigint;
  readonly currentTimestamp: bigint;
  readonly rollbackIfMissing: boolean;
  readonly forceSync: boolean;
}

/** Takes note that all locks of a transaction with async commit can be removed: its primary's lock names the others. */
type AsyncDecided = (primary: Lock, status: FinalStatus) => void;

interface StatusCheckerParts {
  readonly regions: Regions;
  readonly oracle: Oracle;
  readonly cache: StatusCache;
  readonly decided: AsyncDecided;
}

/**
 * Learns what became of the transactions of locks, by asking their primaries. A primary whose lock has expired is rolled
 * back by the question itself, so that a dead client blocks nobody for longer than its locks' time to live.
 */
export class StatusChecker {
  readonly #regions: Regions;
  readonly #oracle: Oracle;
  readonly #cache: StatusCache;
  readonly #decided: AsyncDecided;

  constructor(parts: StatusCheckerParts) {
    this.#regions = parts.regions;
    this.#oracle = parts.oracle;
    this.#cache = parts.cache;
    this.#decided = parts.decided;
  }

  /**
   * What is known of the transaction of `lock`. While its primary may still be on its way, waits for that.
   *
   * @param callerTimestamp of a read: if the transaction is alive, it is made to commit above it, where that is
   *   possible. 0: it is left alone.
   */
  async status(lock: Lock, callerTimestamp: bigint, backoff: Backoff): Promise<TxnStatus> {
    const known = this.#cache.get(lock.lockVersion);
    if (known !== undefined) return known;
    let rollbackIfMissing = false;
    let forceSync = false;
    for (;;) {
      const now = await this.#oracle.timestamp(backoff);
      const question = { callerTimestamp, currentTimestamp: now, rollbackIfMissing, forceSync };
      const answer = await this.#ask(lock, question, backoff);
      if (answer.kind === 'not-found') {
        rollbackIfMissing = ttlLeftMs(lock.lockVersion, lock.lockTtl, now) <= 0;
        if (!rollbackIfMissing) await backoff.wait('txn-not-found', lockError(lock));
      } else if (answer.kind === 'async') {
        const leftMs = ttlLeftMs(lock.lockVersion, answer.primary.lockTtl, now);
        if (leftMs > 0) return { kind: 'alive', ttlLeftMs: leftMs, pushed: false };
        const decided = await this.#decideAsync(answer.primary, backoff);
        if (decided.kind !== 'sync') return this.#remember(lock, decided);
        forceSync = true;
      } else {
        return this.#remember(lock, answer);
      }
    }
  }

  /**
   * Decides the transaction of `lock` for good, whether it is still alive or not: what has no record is rolled back. For
   * locks from below the safe point.
   */
  async finish(lock: Lock, backoff: Backoff): Promise<FinalStatus> {
    const known = this.#cache.get(lock.lockVersion);
    if (known !== undefined) return known;
    let forceSync = false;
    for (;;) {
      const question = {
        callerTimestamp: 0n,
        currentTimestamp: TIMESTAMP_MAX,
        rollbackIfMissing: true,
        forceSync,
      };
      const answer = await this.#ask(lock, question, backoff);
      if (answer.kind === 'committed' || answer.kind === 'rolled-back') return this.#remember(lock, answer);
      if (answer.kind === 'gone') return { kind: 'rolled-back' };
      if (answer.kind !== 'async') {
        throw new TikvError(
          'protocol',
          `Transaction ${lock.lockVersion} could not be ended: it is ${answer.kind}`,
        );
      }
      const decided = await this.#decideAsync(answer.primary, backoff);
      if (decided.kind !== 'sync') return this.#remember(lock, decided);
      forceSync = true;
    }
  }

  #remember<S extends TxnStatus>(lock: Lock, status: S): S {
    if (status.kind === 'committed' || status.kind === 'rolled-back')
      this.#cache.set(lock.lockVersion, status);
    return status;
  }

  async #ask(lock: Lock, question: Question, backoff: Backoff): Promise<StatusAnswer> {
    const request = {
      primaryKey: lock.primaryLock,
      lockTs: lock.lockVersion,
      callerStartTs: question.callerTimestamp,
      currentTs: question.currentTimestamp,
      rollbackIfNotExist: question.rollbackIfMissing,
      forceSyncCommit: question.forceSync,
      resolvingPessimisticLock: isPessimistic(lock),
      verifyIsPrimary: true,
    };
    const call = { method: 'KvCheckTxnStatus', key: lock.primaryLock, request } as const;
    return readStatus(await callForKey(this.#regions, call, backoff), lock, question.currentTimestamp);
  }

  /** Missing secondaries are made unable to commit by the question, so that what it yields is final. */
  async #decideAsync(primary: Lock, backoff: Backoff): Promise<ReturnType<SecondaryVotes['result']>> {
    const votes = new SecondaryVotes(primary);
    await callForKeys(
      this.#regions,
      {
        method: 'KvCheckSecondaryLocks',
        keys: [...primary.secondaries].sort((a, b) => a.compare(b)),
        countMax: SECONDARIES_MAX,
        request: (keys) => ({ keys, startVersion: primary.lockVersion }),
        answered: (keys, response) => {
          if (response.error !== undefined) {
            throw new TikvError('protocol', `Cannot check secondaries: ${describeKeyError(response.error)}`);
          }
          votes.add(keys.length, response);
        },
      },
      backoff,
    );
    const result = votes.result();
    if (result.kind !== 'sync') this.#decided(primary, result);
    return result;
  }
}

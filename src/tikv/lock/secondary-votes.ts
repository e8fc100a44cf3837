import { TikvError } from '../errors.ts';
import type { StoreResponses } from '../store-messages.ts';
import type { Lock } from './lock.ts';
import type { FinalStatus } from './txn-status.ts';

/**
 * The fate of a transaction with async commit, from the locks of all its keys: it is committed when all are locked, at
 * the largest of their `min_commit_ts`; where one lock is missing, that key's record tells (tikv.md B.6, step 5).
 */
export class SecondaryVotes {
  readonly #startTimestamp: bigint;
  /** The largest seen; until one lock is missing. */
  #minCommit: bigint;
  /** What a missing lock's record told; 0 is rolled back. */
  #recorded: bigint | undefined;
  #isSync = false;

  constructor(primary: Lock) {
    this.#startTimestamp = primary.lockVersion;
    this.#minCommit = primary.minCommitTs;
  }

  /** Adds what one store says of `asked` of the secondaries. */
  add(asked: number, response: StoreResponses['KvCheckSecondaryLocks']): void {
    if (response.locks.length < asked) {
      const recorded = response.commitTs;
      if (this.#recorded !== undefined && this.#recorded !== recorded) {
        throw new TikvError('protocol', `Transaction ${this.#startTimestamp} has two fates`);
      }
      this.#recorded = recorded;
    }
    for (const lock of response.locks) {
      if (lock.lockVersion !== this.#startTimestamp) {
        throw new TikvError(
          'protocol',
          `A lock of ${lock.lockVersion} was answered for ${this.#startTimestamp}`,
        );
      }
      if (!lock.useAsyncCommit) this.#isSync = true;
      if (lock.minCommitTs > this.#minCommit) this.#minCommit = lock.minCommitTs;
    }
  }

  /** `sync`: a part of it fell back to two phases, so that its primary alone decides. */
  result(): FinalStatus | { readonly kind: 'sync' } {
    if (this.#recorded !== undefined) {
      if (this.#recorded === 0n) return { kind: 'rolled-back' };
      return { kind: 'committed', commitTimestamp: this.#recorded };
    }
    if (this.#isSync) return { kind: 'sync' };
    return { kind: 'committed', commitTimestamp: this.#minCommit };
  }
}

import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import { callForKey, callForKeys } from '../keyed-calls.ts';
import type { Regions } from '../region/regions.ts';
import type { Lock } from './lock.ts';
import type { FinalStatus } from './txn-status.ts';

/** A transaction with so many keys in a region has all its locks there removed at once (client-go's `bigTxnThreshold`). */
const BIG_TXN_KEYS = 512n;
/** Keys of one ResolveLock. */
const KEYS_MAX = 1024;

/** Turns the locks of transactions whose fate is known into records, or removes them. */
export class LockCleaner {
  readonly #regions: Regions;
  /** Whole regions that are being cleaned: many readers meet the locks of one big transaction at once. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(regions: Regions) {
    this.#regions = regions;
  }

  /** @param locks of one transaction, whose fate is `status`. */
  async clean(locks: readonly Lock[], status: FinalStatus, backoff: Backoff): Promise<void> {
    const commitVersion = status.kind === 'committed' ? status.commitTimestamp : 0n;
    const small = locks.filter((lock) => lock.txnSize < BIG_TXN_KEYS);
    const big = locks.filter((lock) => lock.txnSize >= BIG_TXN_KEYS);
    if (small.length > 0) await this.#cleanKeys(small, commitVersion, backoff);
    for (const lock of big) await this.#cleanRegion(lock, commitVersion, backoff);
  }

  /** Removes pessimistic locks, which hold nothing, without a trace: their transaction may be alive. */
  async forget(locks: readonly Lock[], backoff: Backoff): Promise<void> {
    const { lockVersion } = locks[0]!;
    const forUpdateTs = locks.reduce(
      (max, lock) => (lock.lockForUpdateTs > max ? lock.lockForUpdateTs : max),
      0n,
    );
    await callForKeys(
      this.#regions,
      {
        method: 'KVPessimisticRollback',
        keys: keysOf(locks),
        countMax: KEYS_MAX,
        request: (keys) => ({ startVersion: lockVersion, forUpdateTs, keys }),
        answered: (_, response) => checkResolved(response.errors[0]),
      },
      backoff,
    );
  }

  async #cleanKeys(locks: readonly Lock[], commitVersion: bigint, backoff: Backoff): Promise<void> {
    const startVersion = locks[0]!.lockVersion;
    await callForKeys(
      this.#regions,
      {
        method: 'KvResolveLock',
        keys: keysOf(locks),
        countMax: KEYS_MAX,
        request: (keys) => ({ startVersion, commitVersion, keys }),
        answered: (_, response) => checkResolved(response.error),
      },
      backoff,
    );
  }

  async #cleanRegion(lock: Lock, commitVersion: bigint, backoff: Backoff): Promise<void> {
    const region = await this.#regions.locate(lock.key, backoff);
    const id = `${lock.lockVersion}/${region.id}/${region.epoch.version}`;
    let running = this.#underWay.get(id);
    if (running === undefined) {
      const request = { startVersion: lock.lockVersion, commitVersion };
      const call = { method: 'KvResolveLock', key: lock.key, request } as const;
      running = callForKey(this.#regions, call, backoff).then((response) => checkResolved(response.error));
      running = running.finally(() => this.#underWay.delete(id));
      this.#underWay.set(id, running);
    }
    await running;
  }
}

function keysOf(locks: readonly Lock[]): Buffer[] {
  const sorted = locks.map((lock) => lock.key).sort((a, b) => a.compare(b));
  return sorted.filter((key, at) => at === 0 || !key.equals(sorted[at - 1]!));
}

function checkResolved(error: Parameters<typeof describeKeyError>[0] | undefined): void {
  if (error === undefined) return;
  throw new TikvError('protocol', `Cannot resolve a lock: ${describeKeyError(error)}`);
}

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
    const small = locks.filter((lock) => lock.txnSize < BIG_TXN_KEYS);
    const big = locks.filter((lock) => lock.txnSize >= BIG_TXN_KEYS);
    if (small.length > 0) {
      const startTimestamp = small[0]!.lockVersion;
      await this.cleanKeys({ keys: small.map(({ key }) => key), startTimestamp }, status, backoff);
    }
    for (const lock of big) await this.#cleanRegion(lock, commitVersionOf(status), backoff);
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
        keys: sortedUnique(locks.map(({ key }) => key)),
        countMax: KEYS_MAX,
        request: (keys) => ({ startVersion: lockVersion, forUpdateTs, keys }),
        answered: (_, response) => checkResolved(response.errors[0]),
      },
      backoff,
    );
  }

  /** @param locked keys that a transaction may have locked. Those that it has not are left alone. */
  async cleanKeys(
    locked: { readonly keys: readonly Buffer[]; readonly startTimestamp: bigint },
    status: FinalStatus,
    backoff: Backoff,
  ): Promise<void> {
    const common = { startVersion: locked.startTimestamp, commitVersion: commitVersionOf(status) };
    await callForKeys(
      this.#regions,
      {
        method: 'KvResolveLock',
        keys: sortedUnique(locked.keys),
        countMax: KEYS_MAX,
        request: (keys) => ({ ...common, keys }),
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

function sortedUnique(keys: readonly Buffer[]): Buffer[] {
  const sorted = keys.toSorted((a, b) => a.compare(b));
  return sorted.filter((key, at) => at === 0 || !key.equals(sorted[at - 1]!));
}

/** 0 rolls back. */
function commitVersionOf(status: FinalStatus): bigint {
  return status.kind === 'committed' ? status.commitTimestamp : 0n;
}

function checkResolved(error: Parameters<typeof describeKeyError>[0] | undefined): void {
  if (error === undefined) return;
  throw new TikvError('protocol', `Cannot resolve a lock: ${describeKeyError(error)}`);
}

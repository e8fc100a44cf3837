import type { Received } from '../../../../src/tikv/messages.ts';
import type { StoreRequests } from '../../../../src/tikv/store-messages.ts';
import { op } from './mvcc/key-error.ts';
import { tsMax } from './mvcc/mvcc.ts';
import { commitRecord } from './mvcc/records.ts';
import type { World } from './world.ts';

type Requests = { readonly [M in keyof StoreRequests]: Received<StoreRequests[M]> };

/**
 * Judges what a client sends, beyond what a real store refuses: timestamps from the future, empty values, transactions
 * that are committed on one key and rolled back on another, repeated requests that do not say so.
 */
export class Audit {
  readonly #world: World;
  /** Prewrites whose answer was lost: what is sent again must say that it is a repetition. */
  readonly #lost = new Set<string>();
  /** Those that come late themselves are no repetitions. */
  readonly #late = new WeakSet<object>();

  constructor(world: World) {
    this.#world = world;
  }

  /** False if a read at this timestamp must be refused. */
  read(rpc: string, version: bigint): boolean {
    if (version === 0n) this.#violate(rpc, 'reads at 0');
    if (version < this.#world.mvcc.safePoint) this.#violate(rpc, 'reads below the safe point');
    return this.#given(rpc, 'version', version);
  }

  status(request: Requests['KvCheckTxnStatus']): void {
    const rpc = 'KvCheckTxnStatus';
    this.#given(rpc, 'lock_ts', request.lockTs);
    if (request.callerStartTs !== tsMax) this.#given(rpc, 'caller_start_ts', request.callerStartTs);
    if (request.currentTs !== tsMax) this.#given(rpc, 'current_ts', request.currentTs);
    if (request.primaryKey.length === 0) this.#violate(rpc, 'names no primary');
  }

  scanLock({ maxVersion }: Requests['KvScanLock']): void {
    this.#given('KvScanLock', 'max_version', maxVersion);
  }

  prewrite(request: Requests['KvPrewrite']): void {
    const rpc = 'KvPrewrite';
    this.#given(rpc, 'start_version', request.startVersion);
    if (request.minCommitTs > this.#world.oracle.last + 1n) this.#violate(rpc, 'has a min_commit_ts to come');
    if (request.startVersion === 0n) this.#violate(rpc, 'starts at 0');
    if (request.lockTtl === 0n) this.#violate(rpc, 'has locks without time to live');
    if (request.txnSize === 0n) this.#violate(rpc, 'has a txn_size of 0');
    if (request.useAsyncCommit) this.#violate(rpc, 'asks for async commit');
    if (request.primaryLock.length === 0) this.#violate(rpc, 'names no primary');
    this.#mutations(request);
    const isRetry = request.context?.isRetryRequest === true;
    if (this.#lost.has(lostKey(request)) && !this.#late.has(request) && !isRetry) {
      this.#violate(rpc, 'is repeated after a lost answer and does not say so');
    }
  }

  #mutations(request: Requests['KvPrewrite']): void {
    const rpc = 'KvPrewrite';
    const keys = new Set(request.mutations.map(({ key }) => key.toString('latin1')));
    if (keys.size === 0) this.#violate(rpc, 'writes nothing');
    if (keys.size !== request.mutations.length) this.#violate(rpc, 'writes a key twice');
    const hasPrimary = keys.has(request.primaryLock.toString('latin1'));
    if (request.tryOnePc && !hasPrimary) this.#violate(rpc, 'asks for one phase without the primary');
    for (const { key, value, op: what } of request.mutations) {
      if (key.length === 0) this.#violate(rpc, 'writes the empty key');
      const stores = what === op.put || what === op.insert;
      if (stores && value.length === 0) this.#violate(rpc, 'stores an empty value');
      const isPrimary = key.equals(request.primaryLock);
      if (isPrimary && what === op.checkNotExists) this.#violate(rpc, 'has a primary that it does not lock');
    }
  }

  lostPrewrite(request: Requests['KvPrewrite']): void {
    this.#lost.add(lostKey(request));
    this.#late.add(request);
  }

  /** Before keys are committed: their primary must have been, at the same timestamp, or be among them. */
  commit(rpc: string, keys: readonly Buffer[], at: { startTs: bigint; commitTs: bigint }): void {
    if (at.commitTs <= at.startTs) this.#violate(rpc, 'commits at or before its start');
    this.#given(rpc, 'commit_version', at.commitTs, 1n);
    for (const key of keys) {
      const lock = this.#world.mvcc.rows.get(key)?.lock;
      if (lock === undefined || lock.startTs !== at.startTs || lock.useAsyncCommit) continue;
      if (keys.some((other) => other.equals(lock.primary))) continue;
      const primary = this.#world.mvcc.rows.get(lock.primary);
      const record = primary && commitRecord(primary, at.startTs);
      if (record?.kind !== 'committed') this.#violate(rpc, 'commits a secondary whose primary is not');
      else if (record.commitTs !== at.commitTs) this.#violate(rpc, 'commits at two timestamps');
    }
  }

  /** Before a key is rolled back: its primary must not be committed. */
  rollback(rpc: string, key: Buffer, startTs: bigint): void {
    const lock = this.#world.mvcc.rows.get(key)?.lock;
    if (lock?.startTs !== startTs) return;
    const primary = this.#world.mvcc.rows.get(lock.primary);
    const record = primary && commitRecord(primary, startTs);
    if (record?.kind === 'committed') this.#violate(rpc, 'rolls back a key of a committed transaction');
  }

  #given(rpc: string, field: string, ts: bigint, slack = 0n): boolean {
    if (ts <= this.#world.oracle.last + slack) return true;
    this.#violate(rpc, `has a ${field} that was never given out`);
    return false;
  }

  #violate(rpc: string, text: string): void {
    this.#world.violate(`${rpc} ${text}`);
  }
}

function lostKey({ startVersion, mutations }: Requests['KvPrewrite']): string {
  return `${startVersion} ${mutations[0]?.key.toString('hex')}`;
}

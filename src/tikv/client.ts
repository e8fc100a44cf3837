import { eitherSignal, sharedSignal } from '../base/index.ts';
import type { EndSignal } from '../base/index.ts';
import { Background } from './background.ts';
import { Backoff } from './backoff.ts';
import type { Connections } from './connect.ts';
import { connect } from './connect.ts';
import type { TikvEnvironment } from './environment.ts';
import { asError, TikvError } from './errors.ts';
import type { GcOptions, GcReport } from './gc/collect.ts';
import { collectGarbage } from './gc/collect.ts';
import type { GcSchedule } from './gc/collector.ts';
import { GarbageCollector } from './gc/collector.ts';
import type { KeeperOptions } from './gc/keeper.ts';
import { SnapshotKeeper } from './gc/keeper.ts';
import { Keyspace } from './keyspace.ts';
import { LockResolver } from './lock/resolver.ts';
import { nodeEnvironment } from './node-environment.ts';
import { Oracle } from './oracle.ts';
import { RegionClient } from './region/region-client.ts';
import type { Session } from './session.ts';
import { splitRegions } from './split.ts';
import { TikvSnapshot } from './snapshot/snapshot.ts';
import type { TlsOptions } from './tls.ts';
import type { CommitOptions } from './txn/commit-mutations.ts';
import { commitMutations } from './txn/commit-mutations.ts';
import type { Mutation } from './txn/mutation.ts';
import type { SettledOutcome, TxnOutcome } from './txn/outcome.ts';
import { settle } from './txn/settle.ts';
import { TikvTransaction } from './txn/transaction.ts';
import type { ValueFormat } from './values.ts';
import { valueCodec } from './values.ts';

const SETTLE_BUDGET_MS = 20_000;
const SPLIT_BUDGET_MS = 20_000;
const TIMESTAMP_BUDGET_MS = 15_000;
/** A close waits so long for commits and for locks to be removed; then they end where they are. */
const CLOSE_GRACE_MS = 5000;

export interface TikvOptions {
  /** `host:port` of placement drivers; the others are found from one that answers. */
  readonly pd: readonly string[];
  /** @default plain text */
  readonly tls?: TlsOptions;
  /**
   * Put in front of every key that is sent and taken off every key that is received: the client sees only keys that begin
   * with it. @default none
   */
  readonly keyPrefix?: Uint8Array;
  /** How values are stored. Whoever shares data must agree on it. @default 'tagged' */
  readonly values?: ValueFormat;
  /** What is to be used instead of Node's own clock, timers and chance, and where log lines go. @default Node's, and no log */
  readonly environment?: Partial<TikvEnvironment>;
}

export interface CallOptions {
  /** An `AbortSignal`. Ends the call: it rejects with TikvError `aborted`. */
  readonly signal?: EndSignal;
  /**
   * How long servers that do not answer are put up with: then it rejects with `unavailable`.
   * @default 15_000 for a timestamp, a snapshot and the begin of a transaction, 20_000 for the rest
   */
  readonly budgetMs?: number;
}

/**
 * A transactional client for TiKV: snapshot reads, and optimistic commits in one phase or two.
 *
 * Keys are at most 8 KiB long with the prefix, and are not empty. Values may be empty (see `TikvOptions.values`). Bytes
 * that are passed in must not change until the call settles; bytes that are returned are the caller's.
 *
 * All methods may be called at any time, also many at once: one client is enough for a process. They reject with a
 * `TikvError`, after `close` with `closed`. An open client keeps the process alive; `close` (or `await using`) ends that.
 */
export class TikvClient {
  readonly #session: Session;
  readonly #regions: RegionClient;
  readonly #connections: Connections;
  readonly #closing: AbortController;
  readonly #closed: AbortController;
  readonly #commits = new Set<Promise<unknown>>();
  readonly #collectors = new Set<GarbageCollector>();
  readonly #keepers = new Set<SnapshotKeeper>();
  #close: Promise<void> | undefined;

  /** For tests and for those who bring their own connections; others use `open`. */
  constructor(connections: Connections, options: ClientOptions) {
    const { environment } = options;
    this.#connections = connections;
    this.#closing = new AbortController();
    this.#closed = new AbortController();
    this.#regions = new RegionClient({ environment, ...connections });
    this.#session = openSession(connections.pd, this.#regions, {
      ...options,
      // Every call in flight listens.
      closing: sharedSignal(this.#closing.signal),
      closed: sharedSignal(this.#closed.signal),
    });
  }

  /**
   * Finds the cluster. Rejects with `unavailable` if no placement driver answers within 15 s, with `invalid` for an address
   * or TLS files that cannot be used; nothing is left open then.
   */
  static async open(options: TikvOptions): Promise<TikvClient> {
    const environment = { ...nodeEnvironment, ...options.environment };
    return new TikvClient(await connect({ ...options, environment }), { ...options, environment });
  }

  /** The cluster's id, which a new cluster at the same addresses would not have. */
  get clusterId(): bigint {
    return this.#connections.pd.clusterId;
  }

  /** A new timestamp, larger than every one that anybody got, and every commit that ended, before the call. */
  async timestamp(options: CallOptions = {}): Promise<bigint> {
    const backoff = this.#session.readBackoff(options.budgetMs ?? TIMESTAMP_BUDGET_MS, options.signal);
    return this.#session.oracle.timestamp(backoff);
  }

  /**
   * A view of what is committed at `timestamp`: one that has been given out already; rejects with `invalid` if not.
   *
   * @param timestamp @default a new one, so that every commit that ended before the call is seen
   */
  async snapshot(timestamp?: bigint, options: CallOptions = {}): Promise<TikvSnapshot> {
    const { oracle } = this.#session;
    const backoff = this.#session.readBackoff(options.budgetMs ?? TIMESTAMP_BUDGET_MS, options.signal);
    if (timestamp === undefined) return new TikvSnapshot(this.#session, await oracle.timestamp(backoff));
    await oracle.verifyPast(timestamp, backoff);
    return new TikvSnapshot(this.#session, timestamp);
  }

  /** Begins an optimistic transaction at a new timestamp. */
  async transaction(options: CallOptions = {}): Promise<TikvTransaction> {
    const startTimestamp = await this.timestamp(options);
    const commit = this.commit.bind(this);
    return new TikvTransaction(this.#session, { startTimestamp, commit });
  }

  /**
   * Writes all of `mutations` or nothing of it, if none of their keys was written after the start timestamp.
   *
   * Every way to lose an answer is settled before it is told (see `TxnOutcome`): the outcome is `undetermined` only if
   * the store that knows cannot be reached for the whole of the budget. Rejects only when nothing was or will be
   * written: `invalid`, `too_large` (100 MiB in all, 8 MiB for one mutation), `snapshot_too_old` (the start timestamp is
   * 5 minutes old), `aborted`, `closed`, `unavailable`, `disk_full`, `flashback`, `protocol`.
   *
   * @param mutations each key at most once, at least one that is not `check-not-exists`.
   */
  async commit(mutations: readonly Mutation[], options: CommitOptions): Promise<TxnOutcome> {
    const commit = commitMutations(this.#session, mutations, options);
    this.#commits.add(commit);
    try {
      return await commit;
    } finally {
      this.#commits.delete(commit);
    }
  }

  /**
   * Finds out what became of a commit, and ends it if it has not ended: afterwards it is committed or will never be. For
   * an `undetermined` outcome, also in another process. The start timestamp should be minutes old at most: once the
   * transaction's record may have been collected, it rejects with `undetermined`.
   *
   * @param txn its primary key and its start timestamp.
   */
  async settle(
    txn: { readonly primary: Uint8Array; readonly startTimestamp: bigint },
    options: CallOptions = {},
  ): Promise<SettledOutcome> {
    const { keyspace } = this.#session;
    const id = { primary: keyspace.toStore(txn.primary), startTimestamp: txn.startTimestamp };
    const backoff = this.#session.readBackoff(options.budgetMs ?? SETTLE_BUDGET_MS, options.signal);
    return settle(this.#session, id, backoff);
  }

  /** Makes each of `keys` the first of a region, so that what lies on its sides can be served by different stores. */
  async splitAt(keys: readonly Uint8Array[], options: CallOptions = {}): Promise<void> {
    const backoff = this.#session.readBackoff(options.budgetMs ?? SPLIT_BUDGET_MS, options.signal);
    await splitRegions(this.#session, keys, backoff);
  }

  /**
   * Lets the stores give back what was overwritten or deleted longer ago than `lifeMs`, in the whole cluster: for a TiKV
   * that no TiDB uses, which does it by itself. Takes a call to every region.
   *
   * Rejects with `invalid` for a life below 10 minutes, with `unavailable` if a region does not answer for a minute.
   */
  async collectGarbage(options: GcOptions): Promise<GcReport> {
    return collectGarbage(this.#session, options);
  }

  /** Calls `collectGarbage` every few minutes, until it is stopped or the client is closed. */
  startGarbageCollector(schedule: GcSchedule): { stop(): Promise<void> } {
    this.#closing.signal.throwIfAborted();
    const collector = new GarbageCollector(this.#session, schedule);
    this.#collectors.add(collector);
    return {
      stop: async () => {
        this.#collectors.delete(collector);
        await collector.stop();
      },
    };
  }

  /**
   * For snapshots that are read for longer than minutes: the keeper sees to it that nothing of them is collected meanwhile.
   * It lives until the client is closed.
   */
  snapshotKeeper(options: KeeperOptions): Pick<SnapshotKeeper, 'keep'> {
    this.#closing.signal.throwIfAborted();
    const keeper = new SnapshotKeeper(this.#session, options);
    this.#keepers.add(keeper);
    return keeper;
  }

  /**
   * Ends reads, waits for commits and for the removal of locks (5 s at most), and closes all connections. Calling
   * it again is harmless.
   */
  close(): Promise<void> {
    this.#close ??= this.#end();
    return this.#close;
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    const { environment, background } = this.#session;
    this.#closing.abort(new TikvError('closed', 'The client is closed'));
    const cancel = environment.scheduler.after(CLOSE_GRACE_MS, () => {
      this.#closed.abort(new TikvError('closed', 'The client is closed'));
    });
    await Promise.all([...this.#collectors, ...this.#keepers].map((one) => one.stop()));
    await Promise.allSettled(this.#commits);
    await background.idle();
    cancel();
    await this.#regions.close();
    await this.#connections.close();
  }
}

/** What is left of the options once it is connected. */
type ClientOptions = Pick<TikvOptions, 'keyPrefix' | 'values'> & { readonly environment: TikvEnvironment };

interface SessionParts extends ClientOptions {
  readonly closing: EndSignal;
  readonly closed: EndSignal;
}

function openSession(pd: Connections['pd'], regions: RegionClient, parts: SessionParts): Session {
  const { environment, closing, closed } = parts;
  const oracle = new Oracle(pd, environment.clock);
  const background = new Background(environment.logger);
  return {
    environment,
    pd,
    oracle,
    regions,
    resolver: new LockResolver({ environment, regions, oracle, background, signal: parts.closed }),
    background,
    keyspace: new Keyspace(parts.keyPrefix),
    values: valueCodec(parts.values ?? 'tagged'),
    readBackoff(budgetMs, signal) {
      if (closing.aborted) throw asError(closing.reason);
      const ends = signal === undefined ? closing : eitherSignal(closing, signal);
      if (signal?.aborted === true)
        throw new TikvError('aborted', 'The operation was aborted', { cause: signal.reason });
      return new Backoff(environment, budgetMs, ends);
    },
    writeBackoff: (budgetMs) => new Backoff(environment, budgetMs, closed),
  };
}

import type { Received, RegionError } from '../../../../src/tikv/messages.ts';
import type { StoreAnswers, StoreMethod, StoreRequests } from '../../../../src/tikv/store-messages.ts';
import type { Audit } from './audit.ts';
import { clip } from './keys.ts';
import { KeyErrors, type KeyErrorMessage } from './mvcc/key-error.ts';
import { prewrite } from './mvcc/prewrite.ts';
import { batchGet, get, scan, type Pair, type ReadAt } from './mvcc/read.ts';
import { commitKeys, resolveRange, rollbackKeys, scanLocks } from './mvcc/settle.ts';
import { checkSecondaryLocks, checkTxnStatus, heartBeat } from './mvcc/status.ts';
import type { Needs, ReceivedContext } from './region-error.ts';
import { regionMessage, type FakeRegion } from './topology.ts';
import type { World } from './world.ts';

export type Request<M extends StoreMethod> = Received<StoreRequests[M]>;

/** Where a call is applied. */
export interface Place {
  readonly world: World;
  readonly audit: Audit;
  readonly store: bigint;
  readonly region: FakeRegion;
  readonly context: ReceivedContext;
}

/** One rpc of a store: what it needs of its region, and what it does there, at once. */
export interface Command<M extends StoreMethod> {
  readonly isWrite: boolean;
  needs(request: Request<M>): Needs;
  apply(place: Place, request: Request<M>): StoreAnswers[M];
}

/** Ends a command by a region error. */
export class RegionRefusal extends Error {
  override readonly name = 'RegionRefusal';
  readonly error: RegionError;

  constructor(error: RegionError) {
    super(error.message);
    this.error = error;
  }
}

const keyBytesMax = 8192;
const onlyKeys = (...keys: readonly Buffer[]): Needs => ({ keys, bytes: 0 });

function readAt({ world, audit, store, context }: Place, rpc: string, version: bigint): ReadAt {
  if (!audit.read(rpc, version)) throw new RegionRefusal({ message: 'invalid max_ts update' });
  world.maxTs(store).raise(version);
  const { resolvedLocks, committedLocks } = context;
  return { version, resolvedLocks, committedLocks };
}

/** Locks in the way show without the key of their pair. */
function pairMessages(pairs: readonly Pair[]) {
  return pairs.map((pair) => ('error' in pair ? { key: Buffer.alloc(0), error: pair.error } : pair));
}

/** The answer that has the error of a command in its field `error`. */
function settled<A extends object>(run: () => A): A | { readonly error: KeyErrorMessage } {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof KeyErrors)) throw error;
    return { error: error.errors[0]! };
  }
}

const reads: Pick<Commands, 'KvGet' | 'KvBatchGet' | 'KvScan'> = {
  KvGet: {
    isWrite: false,
    needs: ({ key }) => onlyKeys(key),
    apply: (place, { key, version }) => {
      const at = readAt(place, 'KvGet', version);
      return settled(() => {
        const value = get(place.world.mvcc, key, at);
        return value === undefined ? { notFound: true } : { value };
      });
    },
  },
  KvBatchGet: {
    isWrite: false,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: (place, { keys, version }) => {
      const at = readAt(place, 'KvBatchGet', version);
      return { pairs: pairMessages(batchGet(place.world.mvcc, keys, at)) };
    },
  },
  KvScan: {
    isWrite: false,
    needs: ({ reverse, startKey }) => (reverse ? onlyKeys() : onlyKeys(startKey)),
    apply: (place, request) => {
      const { startKey, endKey, limit, reverse, keyOnly } = request;
      const at = readAt(place, 'KvScan', request.version);
      if (limit === 0) place.world.violate('KvScan asks for no entries');
      const asked = reverse ? { start: endKey, end: startKey } : { start: startKey, end: endKey };
      const range = clip(asked, place.region);
      if (reverse && !range.end.equals(asked.end))
        place.world.violate('KvScan goes back from outside the region');
      const pairs = pairMessages(scan(place.world.mvcc, range, { limit, reverse, at }));
      return { pairs: keyOnly ? pairs.map((pair) => ({ ...pair, value: Buffer.alloc(0) })) : pairs };
    },
  },
};

const writes: Pick<Commands, 'KvPrewrite' | 'KvCommit' | 'KvBatchRollback'> = {
  KvPrewrite: {
    isWrite: true,
    needs: ({ mutations }) => ({
      keys: mutations.map(({ key }) => key),
      bytes: mutations.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
    }),
    apply: ({ world, audit, store }, request) => {
      audit.prewrite(request);
      const long = request.mutations.find(({ key }) => key.length > keyBytesMax);
      if (long !== undefined) return { errors: [{ abort: `KeyTooLarge: ${long.key.length}` }] };
      try {
        return prewrite(world.mvcc, world.maxTs(store), request);
      } catch (error) {
        if (!(error instanceof KeyErrors)) throw error;
        return { errors: error.errors };
      }
    },
  },
  KvCommit: {
    isWrite: true,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: ({ world, audit }, { keys, startVersion, commitVersion }) => {
      const at = { startTs: startVersion, commitTs: commitVersion };
      if (keys.length === 0) world.violate('KvCommit names no key');
      audit.commit('KvCommit', keys, at);
      return settled(() => {
        commitKeys(world.mvcc, keys, at);
        return { commitVersion };
      });
    },
  },
  KvBatchRollback: {
    isWrite: true,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: ({ world, audit }, { keys, startVersion }) => {
      for (const key of keys) audit.rollback('KvBatchRollback', key, startVersion);
      return settled(() => {
        rollbackKeys(world.mvcc, keys, startVersion);
        return {};
      });
    },
  },
};

const statuses: Pick<Commands, 'KvCheckTxnStatus' | 'KvCheckSecondaryLocks' | 'KvTxnHeartBeat'> = {
  KvCheckTxnStatus: {
    isWrite: true,
    needs: ({ primaryKey }) => onlyKeys(primaryKey),
    apply: ({ world, audit, store }, request) => {
      audit.status(request);
      for (const ts of [request.lockTs, request.callerStartTs, request.currentTs])
        world.maxTs(store).raise(ts);
      return settled(() => checkTxnStatus(world.mvcc, request));
    },
  },
  KvCheckSecondaryLocks: {
    isWrite: true,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: ({ world, store }, { keys, startVersion }) => {
      world.maxTs(store).raise(startVersion);
      return checkSecondaryLocks(world.mvcc, keys, startVersion);
    },
  },
  KvTxnHeartBeat: {
    isWrite: true,
    needs: ({ primaryLock }) => onlyKeys(primaryLock),
    apply: ({ world }, { primaryLock, startVersion, adviseLockTtl }) =>
      settled(() => ({ lockTtl: heartBeat(world.mvcc, primaryLock, startVersion, adviseLockTtl) })),
  },
};

const locks: Pick<Commands, 'KvResolveLock' | 'KvScanLock' | 'KVPessimisticRollback'> = {
  KvResolveLock: {
    isWrite: true,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: (place, request) => settled(() => resolve(place, request)),
  },
  KvScanLock: {
    isWrite: false,
    needs: () => onlyKeys(),
    apply: ({ world, audit, store, region }, request) => {
      audit.scanLock(request);
      world.maxTs(store).raise(request.maxVersion);
      const range = clip({ start: request.startKey, end: request.endKey }, region);
      return { locks: scanLocks(world.mvcc, range, request.maxVersion, request.limit) };
    },
  },
  KVPessimisticRollback: {
    isWrite: true,
    needs: ({ keys }) => onlyKeys(...keys),
    apply: () => ({}),
  },
};

function resolve({ world, audit, region }: Place, request: Request<'KvResolveLock'>): object {
  const { keys, txnInfos, startVersion, commitVersion } = request;
  const fates = new Map(
    txnInfos.length > 0
      ? txnInfos.map(({ txn, status }) => [txn, status] as const)
      : [[startVersion, commitVersion] as const],
  );
  const rows =
    keys.length > 0 ? keys.map((key) => world.mvcc.rows.at(key)) : [...world.mvcc.rows.range(region)];
  for (const { key, lock } of rows) {
    const commitTs = lock === undefined ? undefined : fates.get(lock.startTs);
    if (lock === undefined || commitTs === undefined) continue;
    if (commitTs === 0n) audit.rollback('KvResolveLock', key, lock.startTs);
    else audit.commit('KvResolveLock', [key], { startTs: lock.startTs, commitTs });
  }
  if (keys.length === 0) resolveRange(world.mvcc, region, fates);
  else if (commitVersion === 0n) rollbackKeys(world.mvcc, keys, startVersion);
  else commitKeys(world.mvcc, keys, { startTs: startVersion, commitTs: commitVersion });
  return {};
}

const topologies: Pick<Commands, 'SplitRegion'> = {
  SplitRegion: {
    isWrite: true,
    needs: ({ splitKeys }) => onlyKeys(...splitKeys),
    apply: ({ world, region }, { splitKeys }) => {
      for (const key of splitKeys) world.topology.split(key);
      const parts = world.topology.regions.filter(
        ({ start, end }) =>
          Buffer.compare(start, region.start) >= 0 &&
          (region.end.length === 0 || (end.length > 0 && Buffer.compare(end, region.end) <= 0)),
      );
      return { regions: parts.map(regionMessage) };
    },
  },
};

export type Commands = { readonly [M in StoreMethod]: Command<M> };

export const commands: Commands = { ...reads, ...writes, ...statuses, ...locks, ...topologies };

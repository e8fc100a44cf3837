import type { Context, Received, RegionError } from '../../../../src/tikv/messages.ts';
import type { FaultKind } from '../cluster.ts';
import { contains, encodeKey } from './keys.ts';
import { regionMessage, type FakeRegion, type Topology } from './topology.ts';

const entryBytesMax = 8 * 1024 * 1024;

export type ReceivedContext = Received<Context>;

/** What a call asks of its region. */
export interface Needs {
  readonly keys: readonly Buffer[];
  /** Of what it writes. */
  readonly bytes: number;
}

export type Checked =
  | { readonly kind: 'served'; readonly region: FakeRegion }
  | { readonly kind: 'refused'; readonly error: RegionError; readonly violation?: string };

/** Judges a call as a store does: in this order store, region, leader, peer, epoch, keys, size. */
export function checkRegion(
  topology: Topology,
  store: bigint,
  asked: { readonly context: ReceivedContext; readonly needs: Needs },
): Checked {
  const { regionId, peer, regionEpoch } = asked.context;
  if (peer === undefined || regionEpoch === undefined || regionId === 0n) {
    return refused({ message: 'no region' }, 'a call without region, peer or epoch');
  }
  if (peer.storeId !== store) {
    return refused({
      message: 'store not match',
      storeNotMatch: { requestStoreId: peer.storeId, actualStoreId: store },
    });
  }
  const region = topology.byId(regionId);
  const own = region?.peers.find(({ storeId }) => storeId === store);
  if (region === undefined || own === undefined) {
    return refused({ message: `region ${regionId} not found`, regionNotFound: { regionId } });
  }
  if (region.leader?.storeId !== store) {
    return refused({ message: 'not leader', notLeader: { regionId, leader: region.leader } });
  }
  if (own.id !== peer.id) {
    return refused({
      message: 'mismatch peer id',
      mismatchPeerId: { requestPeerId: peer.id, storePeerId: own.id },
    });
  }
  if (regionEpoch.version !== region.version) {
    const currentRegions = topology.around(region).map(regionMessage);
    const isAhead = regionEpoch.version > region.version ? 'an epoch that was never given out' : undefined;
    return refused({ message: 'epoch not match', epochNotMatch: { currentRegions } }, isAhead);
  }
  return checkContent(region, asked.needs);
}

function checkContent(region: FakeRegion, { keys, bytes }: Needs): Checked {
  const outside = keys.find((key) => !contains(region, key));
  if (outside !== undefined) {
    return refused(keyNotInRegion(region, outside), 'a key outside of the region of the right epoch');
  }
  if (bytes > entryBytesMax) return refused(tooLarge(region.id, bytes));
  return { kind: 'served', region };
}

function refused(error: RegionError, violation?: string): Checked {
  return { kind: 'refused', error, ...(violation === undefined ? {} : { violation }) };
}

function keyNotInRegion(region: FakeRegion, key: Buffer): RegionError {
  const { startKey, endKey } = regionMessage(region);
  return {
    message: 'key not in region',
    keyNotInRegion: { key: encodeKey(key), regionId: region.id, startKey, endKey },
  };
}

function tooLarge(regionId: bigint, bytes: number): RegionError {
  return {
    message: 'raft entry is too large',
    raftEntryTooLarge: { regionId, entrySize: BigInt(bytes) },
  };
}

/** The region error that a fault asks for; nothing if it asks for something else. */
export function injectedError(
  kind: FaultKind,
  context: ReceivedContext,
  topology: Topology,
): RegionError | undefined {
  const { regionId } = context;
  const region = topology.byId(regionId);
  const make = errors[kind];
  return make && { message: `injected ${kind}`, ...make(regionId, region, topology) };
}

type Make = (regionId: bigint, region: FakeRegion | undefined, topology: Topology) => Partial<RegionError>;

const errors: Partial<Record<FaultKind, Make>> = {
  'not-leader': (regionId, region) => ({ notLeader: { regionId, leader: region?.leader } }),
  'no-leader': (regionId) => ({ notLeader: { regionId, leader: undefined } }),
  epoch: () => ({ epochNotMatch: { currentRegions: [] } }),
  'epoch-with-regions': (_, region, topology) => ({
    epochNotMatch: { currentRegions: region ? topology.around(region).map(regionMessage) : [] },
  }),
  'epoch-older': (_, region) => ({
    epochNotMatch: {
      currentRegions: region ? [regionMessage({ ...region, version: region.version - 1n })] : [],
    },
  }),
  busy: () => ({ serverIsBusy: { reason: 'injected', backoffMs: 10n, estimatedWaitMs: 0 } }),
  'stale-command': () => ({ staleCommand: {} }),
  'region-not-found': (regionId) => ({ regionNotFound: { regionId } }),
  'max-ts-not-synced': () => ({ maxTimestampNotSynced: {} }),
  'key-not-in-region': (_, region) => (region ? keyNotInRegion(region, region.end) : {}),
  'store-not-match': () => ({ storeNotMatch: { requestStoreId: 1n, actualStoreId: 2n } }),
  'mismatch-peer': () => ({ mismatchPeerId: { requestPeerId: 1n, storePeerId: 2n } }),
  'read-index-not-ready': (regionId) => ({ readIndexNotReady: { reason: 'injected', regionId } }),
  merging: (regionId) => ({ proposalInMergingMode: { regionId } }),
  'region-not-initialized': (regionId) => ({ regionNotInitialized: { regionId } }),
  recovery: (regionId) => ({ recoveryInProgress: { regionId } }),
  'is-witness': (regionId) => ({ isWitness: { regionId } }),
  'disk-full': () => ({ diskFull: { storeId: [1n], reason: 'injected' } }),
  'raft-entry-too-large': (regionId) => tooLarge(regionId, entryBytesMax + 1),
  flashback: (regionId) => ({ flashbackInProgress: { regionId, flashbackStartTs: 1n } }),
  'deadline-exceeded': () => ({ message: 'Deadline is exceeded' }),
  'unknown-error': () => ({}),
};

/** The outcome of a write that the store itself does not know. */
export const undetermined: RegionError = {
  message: 'undetermined',
  undeterminedResult: { message: 'injected' },
};

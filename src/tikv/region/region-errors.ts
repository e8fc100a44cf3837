import type { BackoffKind } from '../backoff.ts';
import type { TikvErrorCode } from '../errors.ts';
import type { Peer, Received, RegionError, RegionMeta } from '../messages.ts';
import type { StoreMethod } from '../store-messages.ts';
import type { Region } from './region.ts';

/** What to do about a region error, in this order: learn from it, wait, go on. */
export type Verdict =
  /** The same request again. `maybeApplied`: this attempt may have been applied all the same. */
  | {
      readonly then: 'resend';
      readonly to: 'same' | 'next';
      readonly wait: BackoffKind | undefined;
      readonly maybeApplied?: boolean;
    }
  /** The same request again to the peer that leads, at once. */
  | { readonly then: 'follow'; readonly leader: Received<Peer> }
  /**
   * The region is forgotten, `regions` take its place, and the caller looks its keys up again. `forgetsStore`: the
   * address that was asked is not that store's any more.
   */
  | {
      readonly then: 'relocate';
      readonly wait: BackoffKind | undefined;
      readonly regions?: readonly Received<RegionMeta>[];
      readonly forgetsStore?: boolean;
    }
  /** The store does not know whether it has been applied. The region is as it was. */
  | { readonly then: 'undetermined' }
  | { readonly then: 'fail'; readonly code: TikvErrorCode };

type Answered = Received<RegionError>;

/** The rows that do not depend on what the error says, nor on the request. */
const ROWS: readonly (readonly [keyof Answered, Verdict])[] = [
  ['undeterminedResult', { then: 'undetermined' }],
  ['raftEntryTooLarge', { then: 'fail', code: 'too_large' }],
  ['flashbackInProgress', { then: 'fail', code: 'flashback' }],
  ['flashbackNotPrepared', { then: 'fail', code: 'flashback' }],
  ['regionNotFound', { then: 'relocate', wait: 'region-miss' }],
  ['keyNotInRegion', { then: 'relocate', wait: 'region-miss' }],
  ['mismatchPeerId', { then: 'relocate', wait: 'region-miss' }],
  ['storeNotMatch', { then: 'relocate', wait: 'region-miss', forgetsStore: true }],
  ['serverIsBusy', { then: 'resend', to: 'same', wait: 'server-busy' }],
  // The leader changed while the request was on its way through the log, where it may be all the same.
  ['staleCommand', { then: 'resend', to: 'same', wait: 'stale-command', maybeApplied: true }],
  ['maxTimestampNotSynced', { then: 'resend', to: 'same', wait: 'max-ts' }],
  ['regionNotInitialized', { then: 'resend', to: 'same', wait: 'region-not-ready' }],
  ['readIndexNotReady', { then: 'resend', to: 'same', wait: 'region-not-ready' }],
  ['proposalInMergingMode', { then: 'resend', to: 'same', wait: 'region-not-ready' }],
  // Said of stale reads only, which are never asked for: an ordinary read of the leader is ready.
  ['dataIsNotReady', { then: 'resend', to: 'same', wait: undefined }],
  ['recoveryInProgress', { then: 'relocate', wait: 'recovery' }],
  ['isWitness', { then: 'relocate', wait: 'is-witness' }],
];

/** What is in no row, or says nothing about what to do: another peer may know better. */
const OTHERWISE: Verdict = { then: 'resend', to: 'next', wait: 'region-miss' };

/**
 * The table of region errors (tikv.md B.4, after client-go's `onRegionError`): what to do when `region` was asked for
 * `method` and answered `error`.
 */
export function judge(error: Answered, region: Region, method: StoreMethod): Verdict {
  if (error.notLeader !== undefined) {
    const { leader } = error.notLeader;
    if (leader === undefined || leader.id === 0n)
      return { then: 'resend', to: 'next', wait: 'region-scheduling' };
    return { then: 'follow', leader };
  }
  if (error.epochNotMatch !== undefined) return judgeEpoch(error.epochNotMatch.currentRegions, region);
  if (error.diskFull !== undefined) {
    if (method === 'KvPrewrite') return { then: 'fail', code: 'disk_full' };
    return { then: 'resend', to: 'same', wait: 'disk-full' };
  }
  for (const [field, verdict] of ROWS) if (error[field] !== undefined) return verdict;
  // A timestamp that nobody has given out: only a mistake in the client sends one.
  if (error.message.includes('invalid max_ts update')) return { then: 'fail', code: 'protocol' };
  // It waited too long inside the store and was not begun.
  if (error.message.includes('Deadline is exceeded'))
    return { then: 'resend', to: 'same', wait: 'region-miss' };
  return OTHERWISE;
}

/**
 * Without a wait only if the region's next epochs are told: that is progress, and the number of such steps is bounded by
 * what happens in the cluster.
 */
function judgeEpoch(current: readonly Received<RegionMeta>[], region: Region): Verdict {
  const epoch = current.find(({ id }) => id === region.id)?.regionEpoch;
  if (epoch === undefined) return { then: 'relocate', wait: 'region-miss', regions: current };
  const { confVer, version } = region.epoch;
  if (epoch.confVer < confVer || epoch.version < version)
    return { then: 'resend', to: 'same', wait: 'region-miss' };
  const isNewer = epoch.confVer > confVer || epoch.version > version;
  return { then: 'relocate', wait: isNewer ? undefined : 'region-miss', regions: current };
}

/** The error's name and text, for messages. */
export function describeRegionError(error: Answered): string {
  const names = Object.entries(error)
    .filter(([name, value]) => name !== 'message' && value !== undefined)
    .map(([name]) => name);
  return [...names, error.message].filter((part) => part !== '').join(': ');
}

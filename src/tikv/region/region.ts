import { assert, compareBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { TikvError } from '../errors.ts';
import { PeerRole } from '../messages.ts';
import type { Received, RegionMeta } from '../messages.ts';
import type { PeerInfo, RegionEpochInfo, RegionInfo } from '../pd/pd.ts';
import { regionInfo } from '../pd/region-info.ts';

/**
 * A run of keys `[start, end)` as it was at one epoch, and the peers that hold it. A request that is sent with it names
 * its id and epoch, and a store answers only while they are current: an answer is therefore about exactly these keys,
 * however old the object is. All but the guess who leads is immutable.
 */
export class Region {
  readonly id: bigint;
  /** Raw, inclusive; empty is the first key of all. */
  readonly start: Buffer;
  /** Raw, exclusive; empty is behind the last key of all. */
  readonly end: Buffer;
  readonly epoch: RegionEpochInfo;
  readonly peers: readonly PeerInfo[];
  #leader: PeerInfo;

  constructor(info: RegionInfo) {
    assert(info.peers.length > 0, 'a region has peers');
    this.id = info.id;
    this.start = info.start;
    this.end = info.end;
    this.epoch = info.epoch;
    this.peers = info.peers;
    const voters = this.voters();
    this.#leader = voters.find(({ storeId }) => storeId === info.leader.storeId) ?? voters[0]!;
  }

  /** Who led when it was last heard of. A wrong guess costs a round trip. */
  get leader(): PeerInfo {
    return this.#leader;
  }

  contains(key: Bytes): boolean {
    return compareBytes(this.start, key) <= 0 && (this.end.length === 0 || compareBytes(key, this.end) < 0);
  }

  /** Whether the keys just below `end` are in this region; an empty `end` is behind the last key of all. */
  containsBelow(end: Bytes): boolean {
    if (end.length === 0) return this.end.length === 0;
    return compareBytes(this.start, end) < 0 && (this.end.length === 0 || compareBytes(end, this.end) <= 0);
  }

  /** The peers that can lead: not learners, which only copy, nor witnesses, which hold no data. */
  voters(): readonly PeerInfo[] {
    const voters = this.peers.filter((peer) => peer.role !== PeerRole.Learner && !peer.isWitness);
    return voters.length > 0 ? voters : this.peers;
  }

  /** The peer that a store names, if it is one of this epoch's. */
  peer(id: bigint, storeId: bigint): PeerInfo | undefined {
    return this.peers.find((peer) => peer.id === id && peer.storeId === storeId);
  }

  /** From now on `leader`, one of the peers, is asked first. */
  setLeader(leader: PeerInfo): void {
    assert(this.peers.includes(leader), 'the leader is one of the peers');
    this.#leader = leader;
  }
}

/**
 * A region as a store tells of it. The store that tells is taken for the leader's, which is right most of the time.
 * Throws TikvError `protocol` if it cannot be understood.
 */
export function regionFromStore(meta: Received<RegionMeta>, storeId: bigint): Region {
  const info = regionInfo(meta, meta.peers.find((peer) => peer.storeId === storeId) ?? meta.peers[0]);
  if (info === undefined)
    throw new TikvError('protocol', `Store ${storeId} told of region ${meta.id} without peers`);
  return new Region(info);
}

import { contains, encodeKey, type KeyRange } from './keys.ts';

export interface Peer {
  readonly id: bigint;
  readonly storeId: bigint;
}

/** One version of a region: it is replaced, never changed. */
export interface FakeRegion extends KeyRange {
  readonly id: bigint;
  readonly confVer: bigint;
  readonly version: bigint;
  readonly peers: readonly Peer[];
  readonly leader: Peer | undefined;
}

/** metapb.Region, as it goes on the wire. */
export interface RegionMessage {
  readonly id: bigint;
  readonly startKey: Buffer;
  readonly endKey: Buffer;
  readonly regionEpoch: { readonly confVer: bigint; readonly version: bigint };
  readonly peers: readonly Peer[];
}

export function regionMessage(region: FakeRegion): RegionMessage {
  const bound = (key: Buffer) => (key.length === 0 ? key : encodeKey(key));
  return {
    ...{ id: region.id, startKey: bound(region.start), endKey: bound(region.end), peers: region.peers },
    regionEpoch: { confVer: region.confVer, version: region.version },
  };
}

/** Which regions there are, who leads them. Every change is at once known to stores and placement drivers. */
export class Topology {
  #regions: readonly FakeRegion[];
  #before: readonly FakeRegion[];
  #nextId: bigint;

  constructor(stores: readonly bigint[]) {
    this.#nextId = 1000n;
    const peers = stores.map((storeId) => ({ id: this.#newId(), storeId }));
    const end = Buffer.alloc(0);
    const all = { id: this.#newId(), start: end, end, confVer: 1n, version: 1n, peers, leader: peers[0] };
    this.#regions = [all];
    this.#before = this.#regions;
  }

  /** In the order of their keys. */
  get regions(): readonly FakeRegion[] {
    return this.#regions;
  }

  /** As they were before the last change: what a placement driver that lags still shows. */
  get before(): readonly FakeRegion[] {
    return this.#before;
  }

  byId(id: bigint): FakeRegion | undefined {
    return this.#regions.find((region) => region.id === id);
  }

  byKey(key: Buffer): FakeRegion {
    return regionAt(this.#regions, key);
  }

  /** The region and its right neighbour: what a store names after a split. */
  around(region: FakeRegion): readonly FakeRegion[] {
    const at = this.#regions.indexOf(region);
    return this.#regions.slice(at, at + 2);
  }

  /** The right part is a new region with the same stores and leader. */
  split(key: Buffer): void {
    const left = this.byKey(key);
    if (left.start.equals(key)) return;
    const version = left.version + 1n;
    const peers = left.peers.map(({ storeId }) => ({ id: this.#newId(), storeId }));
    const leader = peers.find(({ storeId }) => storeId === left.leader?.storeId);
    const cut = Buffer.from(key);
    this.#replace(left, [
      { ...left, end: cut, version },
      { ...left, id: this.#newId(), start: cut, version, peers, leader },
    ]);
  }

  /** One of the two survives, by turns the left and the right one. */
  merge(id: bigint, survivor: 'left' | 'right' = 'left'): void {
    const left = this.#need(id);
    const right = this.#regions[this.#regions.indexOf(left) + 1];
    if (right === undefined) throw new RangeError(`Cannot merge region ${id}: it has no right neighbour`);
    const kept = survivor === 'left' ? left : right;
    const version = (left.version > right.version ? left.version : right.version) + 1n;
    const gone = new Set([left, right]);
    const merged = { ...kept, start: left.start, end: right.end, version };
    this.#set(
      this.#regions.flatMap((region) => (region === left ? [merged] : gone.has(region) ? [] : [region])),
    );
  }

  /** 0n leaves the region without a leader. */
  transfer(id: bigint, storeId: bigint): void {
    const region = this.#need(id);
    const leader = region.peers.find((peer) => peer.storeId === storeId);
    if (leader === undefined && storeId !== 0n) {
      throw new RangeError(`Cannot lead region ${id} from store ${storeId}: it has no peer there`);
    }
    this.#replace(region, [{ ...region, leader }]);
  }

  /** Gives the region new peers on the same stores, as if it had moved away and come back. */
  renewPeers(id: bigint): void {
    const region = this.#need(id);
    const peers = region.peers.map(({ storeId }) => ({ id: this.#newId(), storeId }));
    const leader = peers.find(({ storeId }) => storeId === region.leader?.storeId);
    this.#replace(region, [{ ...region, peers, leader, confVer: region.confVer + 2n }]);
  }

  /** Moves leaders away from stores that are down, where more than half of a region's peers are up. */
  elect(isUp: (store: bigint) => boolean): void {
    for (const region of this.#regions) {
      if (region.leader !== undefined && isUp(region.leader.storeId)) continue;
      const alive = region.peers.filter(({ storeId }) => isUp(storeId));
      if (alive.length * 2 <= region.peers.length) continue;
      this.transfer(region.id, alive[Number(region.id % BigInt(alive.length))]!.storeId);
    }
  }

  #need(id: bigint): FakeRegion {
    const region = this.byId(id);
    if (region === undefined) throw new RangeError(`Cannot find region ${id}`);
    return region;
  }

  #replace(region: FakeRegion, by: readonly FakeRegion[]): void {
    this.#set(this.#regions.flatMap((other) => (other === region ? by : [other])));
  }

  #set(regions: readonly FakeRegion[]): void {
    this.#before = this.#regions;
    this.#regions = regions;
  }

  #newId(): bigint {
    return this.#nextId++;
  }
}

export function regionAt(regions: readonly FakeRegion[], key: Buffer): FakeRegion {
  const found = regions.find((region) => contains(region, key));
  if (found === undefined) throw new Error('The regions do not cover all keys');
  return found;
}

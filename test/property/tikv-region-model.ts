/**
 * Regions that split, merge, move and change leaders, and a placement driver that hears of it late: what a request may
 * meet, without any storage. A store serves as TiKV does: it checks store, region, peer, leader and epoch, in this order.
 */
import { compareBytes, SeededRandom } from '../../src/base/index.ts';
import { TikvError } from '../../src/tikv/errors.ts';
import { encodeBound } from '../../src/tikv/key-codec.ts';
import type { Backoff } from '../../src/tikv/backoff.ts';
import type { PeerInfo, PlacementDriver, RegionInfo } from '../../src/tikv/pd/pd.ts';
import {
  peer,
  placementDriver,
  regionError,
  ScriptedRpc,
  unanswered,
} from '../support/tikv/scripted-cluster.ts';
import type { Asked } from '../support/tikv/scripted-cluster.ts';
import type { VirtualTime } from '../support/tikv/virtual-time.ts';

export interface ModelRegion {
  id: bigint;
  start: Buffer;
  end: Buffer;
  confVer: bigint;
  version: bigint;
  peers: PeerInfo[];
  leader: PeerInfo | undefined;
}

interface ModelStore {
  address: string;
  isUp: boolean;
}

export const EVENT_KINDS = [
  'split',
  'merge',
  'transfer',
  'dethrone',
  'move-peer',
  'stop-store',
  'start-store',
  'readdress',
  'swap-addresses',
  'lose-before',
  'lose-after',
  'empty-epoch',
  'busy',
  'stale-command',
  'max-ts',
  'unknown',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface ClusterEvent {
  readonly kind: EventKind;
  /** So many calls to stores pass before it. */
  readonly after: number;
  readonly pick: number;
}

const STORES = 4;
const ELECTION_MS = 40;
const HEARTBEAT_MS = 15;
const CALLS_MAX = 20_000;

export class ModelCluster {
  readonly rpc: ScriptedRpc;
  readonly pd: PlacementDriver;
  readonly regions: ModelRegion[];
  readonly stores = new Map<bigint, ModelStore>();
  /** Attempts by the version of the request, which names the operation, that may have been applied without an answer. */
  readonly lost = new Set<bigint>();
  /** Keys that were served, by operation. */
  readonly served = new Map<bigint, Set<string>>();
  readonly violations: string[] = [];
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #events: ClusterEvent[];
  #calls = 0;
  #untilEvent: number;
  #nextId = 100n;
  #known: ModelRegion[];
  /** Faults of the next calls. */
  readonly #faults: EventKind[] = [];
  #isFrozen = false;

  constructor(time: VirtualTime, seed: number, events: readonly ClusterEvent[]) {
    this.#time = time;
    this.#random = new SeededRandom(seed);
    this.#events = [...events];
    this.#untilEvent = events[0]?.after ?? 0;
    for (let id = 1n; id <= STORES; id++) this.stores.set(id, { address: `a${id}`, isUp: true });
    const peers = [peer(11n, 1n), peer(12n, 2n), peer(13n, 3n)];
    const all = { start: Buffer.alloc(0), end: Buffer.alloc(0), confVer: 1n, version: 1n };
    this.regions = [{ id: 1n, ...all, peers, leader: peers[0] }];
    this.#known = this.#copy();
    this.rpc = new ScriptedRpc(time, (asked) => this.#serve(asked));
    this.pd = placementDriver({
      region: (key, backoff) =>
        this.#ask(backoff, (regions) => regions.filter((one) => holds(one, key)).slice(0, 1)).then(first),
      previousRegion: (end, backoff) =>
        this.#ask(backoff, (regions) => regions.filter((one) => holdsBelow(one, end)).slice(0, 1)).then(
          first,
        ),
      regions: ({ start, end, limit }, backoff) =>
        this.#ask(backoff, (regions) =>
          regions
            .filter((one) => reaches(one, start) && (end.length === 0 || compareBytes(one.start, end) < 0))
            .slice(0, limit),
        ),
      store: async (id) => {
        await this.#delay();
        return { id, address: this.stores.get(id)?.address ?? '', state: 'up' };
      },
    });
  }

  get callCount(): number {
    return this.#calls;
  }

  /** Nobody leads and nobody answers any more. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Ends all trouble that is still there. */
  heal(): void {
    this.#events.length = 0;
    this.#faults.length = 0;
    for (const store of this.stores.values()) store.isUp = true;
    for (const region of this.regions) region.leader ??= region.peers[0];
    this.#known = this.#copy();
  }

  owner(key: Buffer): ModelRegion {
    return this.regions.find((region) => holds(region, key))!;
  }

  async #ask(backoff: Backoff, choose: (regions: ModelRegion[]) => ModelRegion[]): Promise<RegionInfo[]> {
    for (;;) {
      await this.#delay();
      const led: RegionInfo[] = [];
      for (const region of choose(this.#known)) {
        if (region.leader === undefined) break;
        led.push(toInfo(region, region.leader));
      }
      if (led.length > 0) return led;
      await backoff.wait('pd', new Error('no leader'));
    }
  }

  async #serve(asked: Asked): Promise<object> {
    if (++this.#calls > CALLS_MAX) throw new TikvError('protocol', 'Too many calls: somebody does not wait');
    this.#fireEvents();
    await this.#delay();
    const { peer: target, regionId, regionEpoch } = asked.context;
    const here = [...this.stores].find(([, store]) => store.address === asked.address);
    if (here === undefined || !here[1].isUp || this.#isFrozen) return unanswered(false);
    const [storeId] = here;
    const fault = this.#faults.shift();
    if (fault === 'lose-before') return unanswered(false);
    if (target?.storeId !== storeId)
      return regionError({
        storeNotMatch: { requestStoreId: target?.storeId ?? 0n, actualStoreId: storeId },
      });
    const region = this.regions.find(({ id }) => id === regionId);
    const own = region?.peers.find((one) => one.storeId === storeId);
    if (region === undefined || own === undefined) return regionError({ regionNotFound: { regionId } });
    if (own.id !== target.id)
      return regionError({ mismatchPeerId: { requestPeerId: target.id, storePeerId: own.id } });
    if (region.leader !== own) return regionError({ notLeader: { regionId, leader: region.leader } });
    if (regionEpoch?.version !== region.version) {
      const current = fault === 'empty-epoch' ? [] : this.#around(region);
      return regionError({ epochNotMatch: { currentRegions: current.map(toMeta) } });
    }
    return this.#apply(asked, region, fault);
  }

  #apply(asked: Asked, region: ModelRegion, fault: EventKind | undefined): object {
    const { keys, version } = asked.request as unknown as { keys: readonly Buffer[]; version: bigint };
    for (const key of keys) {
      // The epoch was right, so the bounds that the client went by must have been.
      if (!holds(region, key)) this.violations.push(`${key.toString()} was sent to another region`);
    }
    if (fault === 'busy')
      return regionError({ serverIsBusy: { reason: '', backoffMs: 0n, estimatedWaitMs: 0 } });
    if (fault === 'max-ts') return regionError({ maxTimestampNotSynced: {} });
    if (fault === 'unknown') return regionError({ message: 'something new' });
    if (fault === 'stale-command' || fault === 'lose-after') this.lost.add(version);
    if (fault === 'stale-command') return regionError({ staleCommand: {} });
    const served = this.served.get(version) ?? new Set();
    this.served.set(version, served);
    for (const key of keys) served.add(key.toString());
    if (fault === 'lose-after') return unanswered(true);
    return {};
  }

  #fireEvents(): void {
    for (
      let event = this.#events[0];
      event !== undefined && this.#untilEvent-- <= 0;
      event = this.#events[0]
    ) {
      this.#events.shift();
      this.#untilEvent = this.#events[0]?.after ?? 0;
      this.#fire(event);
    }
  }

  #fire({ kind, pick }: ClusterEvent): void {
    const region = this.regions[pick % this.regions.length]!;
    const storeId = BigInt((pick % STORES) + 1);
    const store = this.stores.get(storeId)!;
    switch (kind) {
      case 'split':
        this.#split(Buffer.from(keyText(pick)));
        break;
      case 'merge':
        this.#merge(pick);
        break;
      case 'transfer':
        region.leader = this.#random.pick(this.#able(region));
        break;
      case 'dethrone':
        this.#elect(region);
        break;
      case 'move-peer':
        this.#movePeer(region, pick);
        break;
      case 'stop-store':
        // Two of a region's three peers always run.
        if ([...this.stores.values()].every(({ isUp }) => isUp)) {
          store.isUp = false;
          for (const one of this.regions) if (one.leader?.storeId === storeId) this.#elect(one);
        }
        break;
      case 'start-store':
        for (const one of this.stores.values()) one.isUp = true;
        break;
      case 'readdress':
        store.address = `b${this.#nextId++}`;
        break;
      case 'swap-addresses': {
        const other = this.stores.get((storeId % BigInt(STORES)) + 1n)!;
        [store.address, other.address] = [other.address, store.address];
        break;
      }
      default:
        this.#faults.push(kind);
    }
    this.#time.after(HEARTBEAT_MS, () => (this.#known = this.#copy()));
  }

  #split(key: Buffer): void {
    const region = this.owner(key);
    if (compareBytes(region.start, key) === 0) return;
    const id = this.#nextId++;
    region.version++;
    const peers = region.peers.map(({ storeId }) => peer(this.#nextId++, storeId));
    const leader = peers.find(({ storeId }) => storeId === region.leader?.storeId);
    const { end, version, confVer } = region;
    // Which half keeps the id is TiKV's choice (`right-derive-when-split`).
    const created: ModelRegion = { id, start: key, end, version, confVer, peers, leader };
    if (this.#random.chance(0.5)) {
      region.end = key;
    } else {
      [created.start, created.end] = [region.start, key];
      region.start = key;
    }
    this.regions.push(created);
    this.regions.sort((a, b) => compareBytes(a.start, b.start));
    if (leader === undefined) this.#elect(created);
  }

  #merge(pick: number): void {
    const at = pick % this.regions.length;
    const left = this.regions[at];
    const right = this.regions[at + 1];
    if (left === undefined || right === undefined) return;
    const [stays, goes] = this.#random.chance(0.5) ? [left, right] : [right, left];
    if (!stays.peers.every(({ storeId }) => goes.peers.some((one) => one.storeId === storeId))) return;
    stays.version = (left.version > right.version ? left.version : right.version) + 1n;
    [stays.start, stays.end] = [left.start, right.end];
    this.regions.splice(this.regions.indexOf(goes), 1);
  }

  #movePeer(region: ModelRegion, pick: number): void {
    const from = region.peers[pick % region.peers.length]!;
    const target = [...this.stores.keys()].find((id) => region.peers.every(({ storeId }) => storeId !== id));
    if (target === undefined || this.stores.get(target)?.isUp !== true) return;
    region.peers = [...region.peers.filter((one) => one !== from), peer(this.#nextId++, target)];
    region.confVer += 2n;
    if (region.leader === from) this.#elect(region);
  }

  #able(region: ModelRegion): PeerInfo[] {
    return region.peers.filter(({ storeId }) => this.stores.get(storeId)?.isUp === true);
  }

  /** Nobody leads for a while, and then one whose store runs. */
  #elect(region: ModelRegion): void {
    region.leader = undefined;
    this.#time.after(ELECTION_MS, () => {
      region.leader ??= this.#random.pick(this.#able(region));
      this.#known = this.#copy();
    });
  }

  /** What a store tells with EpochNotMatch: the region as it is, and often its neighbour. */
  #around(region: ModelRegion): ModelRegion[] {
    const next = this.regions[this.regions.indexOf(region) + 1];
    return next === undefined || this.#random.chance(0.4) ? [region] : [region, next];
  }

  #copy(): ModelRegion[] {
    return this.regions.map((region) => ({ ...region, leader: region.leader ?? undefined }));
  }

  #delay(): Promise<void> {
    return this.#time.sleep(this.#random.int(0, 3));
  }
}

export function keyText(pick: number): string {
  return `k${String(pick % 50).padStart(2, '0')}`;
}

function toInfo({ id, start, end, confVer, version, peers }: ModelRegion, leader: PeerInfo): RegionInfo {
  return { id, start, end, epoch: { confVer, version }, peers, leader };
}

function toMeta({ id, start, end, confVer, version, peers }: ModelRegion) {
  return {
    id,
    startKey: encodeBound(start),
    endKey: encodeBound(end),
    regionEpoch: { confVer, version },
    peers,
  };
}

function holds({ start, end }: ModelRegion, key: Uint8Array): boolean {
  return compareBytes(start, key) <= 0 && (end.length === 0 || compareBytes(key, end) < 0);
}

function holdsBelow({ start, end }: ModelRegion, key: Uint8Array): boolean {
  if (key.length === 0) return end.length === 0;
  return compareBytes(start, key) < 0 && (end.length === 0 || compareBytes(key, end) <= 0);
}

function reaches({ end }: ModelRegion, key: Uint8Array): boolean {
  return end.length === 0 || compareBytes(key, end) < 0;
}

function first<T>(items: readonly T[]): T {
  return items[0]!;
}

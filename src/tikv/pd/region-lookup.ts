import { compareBytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { encodeBound, encodeKey } from '../key-codec.ts';
import type { PdResponses } from '../pd-messages.ts';
import type { LeaderCalls } from './leader-calls.ts';
import type { RegionInfo, RegionsRange } from './pd.ts';
import { regionInfo } from './region-info.ts';

const EMPTY = Buffer.alloc(0);
/** Above the start of all regions but those that were split at keys which begin with 56 times 0xff. */
const NEAR_END = encodeKey(Buffer.alloc(56, 0xff));

/**
 * Where regions are. The placement driver learns of splits, merges and leaders from heartbeats, so that it may know
 * nothing of a key for a while, or a region without a leader, or the state before: it is asked again then.
 */
export class RegionLookup {
  readonly #calls: LeaderCalls;

  constructor(calls: LeaderCalls) {
    this.#calls = calls;
  }

  /** See `PlacementDriver.region`. */
  async holding(key: Uint8Array, backoff: Backoff): Promise<RegionInfo> {
    const regionKey = encodeBound(key);
    for (;;) {
      const found = this.#read(await this.#calls.call('GetRegion', { regionKey }, backoff));
      if (found !== undefined && contains(found, key)) return found;
      await backoff.wait('region-miss', unknownRegion('that holds', key));
    }
  }

  /** See `PlacementDriver.previousRegion`. */
  async below(end: Uint8Array, backoff: Backoff): Promise<RegionInfo> {
    if (end.length === 0) return this.#last(backoff);
    const regionKey = encodeKey(end);
    for (;;) {
      const holding = this.#read(await this.#calls.call('GetRegion', { regionKey }, backoff));
      if (holding !== undefined && endsInside(holding, end)) return holding;
      const previous = this.#read(await this.#calls.call('GetPrevRegion', { regionKey }, backoff));
      if (previous !== undefined && endsInside(previous, end)) return previous;
      await backoff.wait('region-miss', unknownRegion('that ends at', end));
    }
  }

  /** See `PlacementDriver.regions`. */
  async range({ start, end, limit }: RegionsRange, backoff: Backoff): Promise<RegionInfo[]> {
    const request = { startKey: encodeBound(start), endKey: encodeBound(end), limit };
    const answer = await this.#calls.call('ScanRegions', request, backoff);
    const found: RegionInfo[] = [];
    let next: Uint8Array = start;
    for (const { region, leader } of answer.regions) {
      const info = region === undefined ? undefined : regionInfo(region, leader);
      if (info === undefined || !contains(info, next) || found.length === limit) break;
      found.push(info);
      if (info.end.length === 0) break;
      next = info.end;
    }
    return found.length > 0 ? found : [await this.holding(start, backoff)];
  }

  async #last(backoff: Backoff): Promise<RegionInfo> {
    const answer = await this.#calls.call('GetRegion', { regionKey: NEAR_END }, backoff);
    let region = this.#read(answer) ?? (await this.holding(EMPTY, backoff));
    while (region.end.length > 0) region = await this.holding(region.end, backoff);
    return region;
  }

  #read({ region, leader }: PdResponses['GetRegion']): RegionInfo | undefined {
    return region === undefined ? undefined : regionInfo(region, leader);
  }
}

/** `key` as a start: the empty one is the smallest of all keys. */
function contains(region: RegionInfo, key: Uint8Array): boolean {
  if (compareBytes(region.start, key) > 0) return false;
  return region.end.length === 0 || compareBytes(key, region.end) < 0;
}

/** The keys just below `end` are in the region. */
function endsInside(region: RegionInfo, end: Uint8Array): boolean {
  if (compareBytes(region.start, end) >= 0) return false;
  return region.end.length === 0 || compareBytes(end, region.end) <= 0;
}

function unknownRegion(relation: string, key: Uint8Array): TikvError {
  const hex = Buffer.from(key).toString('hex');
  return new TikvError('unavailable', `No region with a leader is known ${relation} key "${hex}"`);
}

import { assert, compareBytes } from '../../base/index.ts';
import type { Bytes, Random } from '../../base/index.ts';
import type { Region } from './region.ts';

/** Enough for 25 TB in regions of 96 MiB; some hundred bytes each. */
export const regionsMax = 262_144;

/** The keys `[start, end)` between two known regions; an empty `end` is behind the last key of all. */
export interface Gap {
  readonly start: Bytes;
  readonly end: Bytes;
}

/**
 * What is known of which region holds which keys: regions in the order of their keys, never two that overlap, found by
 * binary search. A pure data structure. Something wrong in it costs a round trip and a region error, never a wrong
 * answer, because a store checks the epoch that a request names.
 */
export class RegionTable {
  readonly #random: Random;
  readonly #countMax: number;
  readonly #regions: Region[] = [];

  constructor(random: Random, countMax: number = regionsMax) {
    assert(countMax >= 1, 'the table has room for a region');
    this.#random = random;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#regions.length;
  }

  /** The region that holds `key`, if it is known. */
  find(key: Bytes): Region | undefined {
    const region = this.#regions[this.#startingAbove(key) - 1];
    return region?.contains(key) === true ? region : undefined;
  }

  /** The region that holds the keys just below `end` (empty: the last keys of all), if it is known. */
  findBelow(end: Bytes): Region | undefined {
    const region = this.#regions[this.#startingAtOrAbove(end) - 1];
    return region?.containsBelow(end) === true ? region : undefined;
  }

  /** The unknown keys around `key`, which no known region holds. */
  gapAt(key: Bytes): Gap {
    const next = this.#startingAbove(key);
    return { start: this.#regions[next - 1]?.end ?? EMPTY, end: this.#regions[next]?.start ?? EMPTY };
  }

  /** The unknown keys just below `end`, which no known region holds. */
  gapBelow(end: Bytes): Gap {
    const next = this.#startingAtOrAbove(end);
    return { start: this.#regions[next - 1]?.end ?? EMPTY, end: this.#regions[next]?.start ?? EMPTY };
  }

  /**
   * Puts a region in the place of all that it overlaps. False, and nothing is changed, when one of those is newer: a
   * split or merge gives every region that comes of it a version above all that went into it.
   */
  insert(region: Region): boolean {
    const { from, to } = this.#overlapped(region);
    for (let i = from; i < to; i++) if (isNewer(this.#regions[i]!, region)) return false;
    this.#put(region, from, to);
    return true;
  }

  /** Puts a region in the place of all that it overlaps, whatever that is. */
  replace(region: Region): void {
    const { from, to } = this.#overlapped(region);
    this.#put(region, from, to);
  }

  /** Forgets this very region; one that has taken its place stays. */
  remove(region: Region): void {
    const at = this.#startingAbove(region.start) - 1;
    if (this.#regions[at] === region) this.#regions.splice(at, 1);
  }

  /** All that is known, in the order of the keys. */
  all(): readonly Region[] {
    return this.#regions;
  }

  #put(region: Region, from: number, to: number): void {
    this.#regions.splice(from, to - from, region);
    if (this.#regions.length <= this.#countMax) return;
    // Any other one will do: the table is so large that nearly all of it is idle.
    const victim = Math.floor(this.#random.next() * (this.#regions.length - 1));
    this.#regions.splice(victim < from ? victim : victim + 1, 1);
  }

  /** The regions that share keys with `region` are those at `[from, to)`. */
  #overlapped(region: Region): { from: number; to: number } {
    const next = this.#startingAbove(region.start);
    const before = this.#regions[next - 1];
    const from = before?.contains(region.start) === true ? next - 1 : next;
    return { from, to: this.#startingAtOrAbove(region.end) };
  }

  /** The index of the first region whose start is above `key`. */
  #startingAbove(key: Bytes): number {
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#regions[middle]!.start, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the first region whose start is at or above `end`, where an empty `end` is behind all. */
  #startingAtOrAbove(end: Bytes): number {
    if (end.length === 0) return this.#regions.length;
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#regions[middle]!.start, end) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const EMPTY = Buffer.alloc(0);

/** Whether `region` comes after `other`, with which it shares keys. */
function isNewer(region: Region, other: Region): boolean {
  if (region.epoch.version !== other.epoch.version) return region.epoch.version > other.epoch.version;
  return region.id === other.id && region.epoch.confVer > other.epoch.confVer;
}

import { ByteRuns } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { KeyIndex, Segments, VersionId } from '../index/index.ts';
import {
  createRevision,
  keysOnlyLength,
  modRevision,
  SortOrder,
  SortTarget,
  version,
} from '../wire/index.ts';
import type { RangeRequest } from '../wire/index.ts';
import type { Cut } from './keys-only.ts';
import { cutOf, pushCut } from './keys-only.ts';
import { Sorter } from './sorter.ts';

/** Whether any of the four revision filters is set; a negative one is, too. */
export function hasFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** Key order downwards needs no sort: the walk goes that way. */
export function isDescendingByKey(request: RangeRequest): boolean {
  return request.sortTarget === SortTarget.key && request.sortOrder === SortOrder.descend;
}

/** Versions that are looked up in one go, and where they were found: filled and read within one call. */
const PLACES = 256;
const places = new Uint32Array(PLACES * 3);

/**
 * What a range keeps of the versions it meets: filters, then order, then limit (etcd-v3.md B.2, rule 4). The limit comes
 * before the order when only a sort target is given and no filter (rule 5).
 */
export class Collector {
  readonly #index: KeyIndex;
  readonly #segments: Segments;
  readonly #request: RangeRequest;
  readonly #cut: Cut;
  readonly #filtersMod: boolean;
  readonly #filtersCreate: boolean;
  /** Whole bodies or their keys, in key order: all that most ranges want. */
  readonly #isPlain: boolean;
  readonly sorter: Sorter | undefined;
  /** In key order, unless there is a sorter. */
  readonly kvs = new ByteRuns();
  /** How many are matched at most; one more than the limit tells that there are more. */
  readonly #matchedMax: number;
  /** What passed the filters. */
  matched = 0;

  constructor(index: KeyIndex, segments: Segments, request: RangeRequest) {
    this.#index = index;
    this.#segments = segments;
    this.#request = request;
    this.#cut = cutOf(request);
    this.#filtersMod = request.minModRevision !== 0 || request.maxModRevision !== 0;
    this.#filtersCreate = request.minCreateRevision !== 0 || request.maxCreateRevision !== 0;
    const limit = Math.max(0, request.limit);
    const sorts = request.sortTarget !== SortTarget.key;
    const descending = request.sortOrder === SortOrder.descend;
    if (sorts) this.sorter = new Sorter(request.sortTarget, descending, limit);
    this.#isPlain = !sorts && !hasFilters(request) && this.#cut !== 'without value';
    const limitComesFirst = !sorts || (request.sortOrder === SortOrder.none && !hasFilters(request));
    this.#matchedMax = limit > 0 && limitComesFirst ? limit + 1 : Infinity;
  }

  /** Nothing that follows can change the answer. */
  get full(): boolean {
    return this.matched >= this.#matchedMax;
  }

  get more(): boolean {
    return this.#request.limit > 0 && this.matched > this.#request.limit;
  }

  get bytes(): number {
    return this.sorter === undefined ? this.kvs.totalBytes : this.sorter.bytes;
  }

  /** Takes versions until one is met whose body is not in memory, or it is full; returns where it stopped. */
  take(ids: Uint32Array, from: number, to: number): number {
    if (this.#isPlain) return this.#takePlain(ids, from, to);
    const index = this.#index;
    for (let i = from; i < to; i++) {
      if (this.full) return i;
      const id = ids[i]!;
      if (this.#filtersMod && !this.#modMatches(index.revision(id))) continue;
      if (!index.inMemory(id)) return i;
      this.#takeBody(this.#segments.bytes(index.segment(id)), index.offset(id), index.length(id));
    }
    return to;
  }

  /** Takes a body that was read back. `take` has stopped at it, so that it is not full and not filtered by revision. */
  takeBody(body: Bytes): void {
    this.kvs.ownBytes += body.length;
    this.#takeBody(body, 0, body.length);
  }

  /** Whether `take` would stop at this version. */
  needsBody(id: VersionId): boolean {
    return !this.#index.inMemory(id) && !(this.#filtersMod && !this.#modMatches(this.#index.revision(id)));
  }

  #takePlain(ids: Uint32Array, from: number, to: number): number {
    const { kvs } = this;
    let at = from;
    while (at < to && !this.full) {
      const end = Math.min(to, at + PLACES, at + this.#matchedMax - this.matched);
      this.#index.places(ids, at, end, places);
      if (this.#cut !== 'whole') this.#touchPlaces((end - at) * 3);
      for (let place = 0; at < end; at++, place += 3) {
        const segment = places[place]!;
        if (segment === NONE) return at;
        this.matched++;
        if (this.#isBeyondLimit()) continue;
        const bytes = this.#segments.bytes(segment);
        const offset = places[place + 1]!;
        const length = places[place + 2]!;
        kvs.push(bytes, offset, this.#cut === 'whole' ? length : keysOnlyLength(bytes, offset, length));
      }
    }
    return at;
  }

  /** Reads a byte of each body: what is looked into one after the other is then there, as in ByteRuns.touch. */
  #touchPlaces(count: number): void {
    let touched = 0;
    for (let place = 0; place < count; place += 3) {
      const segment = places[place]!;
      if (segment !== NONE) touched ^= this.#segments.bytes(segment)[places[place + 1]!]!;
    }
    this.kvs.touched = touched;
  }

  #takeBody(buffer: Uint8Array, offset: number, length: number): void {
    if (this.#filtersCreate && !this.#createMatches(createRevision(buffer, offset, length))) return;
    this.matched++;
    if (this.sorter !== undefined) {
      if (!this.#isBeyondLimit())
        this.sorter.add(this.#sortKey(buffer, offset, length), buffer, offset, length);
    } else if (!this.#isBeyondLimit()) {
      pushCut(this.kvs, this.#cut, buffer, offset, length);
    }
  }

  /** The one beyond the limit is fetched to know that there are more. Before a sort it takes part in it. */
  #isBeyondLimit(): boolean {
    return this.sorter === undefined && this.matched === this.#matchedMax;
  }

  #sortKey(buffer: Uint8Array, offset: number, length: number): number {
    switch (this.#request.sortTarget) {
      case SortTarget.version:
        return version(buffer, offset, length);
      case SortTarget.createRevision:
        return createRevision(buffer, offset, length);
      case SortTarget.modRevision:
        return modRevision(buffer, offset, length);
      default:
        return 0;
    }
  }

  #modMatches(revision: number): boolean {
    const { minModRevision, maxModRevision } = this.#request;
    return (
      (minModRevision === 0 || revision >= minModRevision) &&
      (maxModRevision === 0 || revision <= maxModRevision)
    );
  }

  #createMatches(revision: number): boolean {
    const { minCreateRevision, maxCreateRevision } = this.#request;
    return (
      (minCreateRevision === 0 || revision >= minCreateRevision) &&
      (maxCreateRevision === 0 || revision <= maxCreateRevision)
    );
  }
}

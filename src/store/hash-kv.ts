import { keyLength, keyOffset } from '../wire/index.ts';
import type { VersionId } from '../index/index.ts';
import { crc32c } from './crc32c.ts';
import type { StoreErrorCode } from './errors.ts';
import { fetchBodies } from './fetch.ts';
import { mergeSort } from './merge-sort.ts';
import type { HashKvResult } from './results.ts';
import type { Steps } from './slices.ts';
import type { ReadParts } from './view.ts';

const BUCKET = Buffer.from('key');
const NO_VERSIONS = new Uint32Array(0);
/** The lowest key. */
const EVERYTHING = Buffer.alloc(0);
const BATCH = 64;
/** A checksummed byte costs about as much as so many units of visiting keys. */
const UNITS_PER_BYTE = 1 / 16;

/**
 * HashKV (etcd-v3.md B.9): what etcd's `hashByRev` gives for the same history. It covers the versions above the compaction
 * up to `revision`, and below it those that a compaction at `revision` would keep; when that keeps none, all that the
 * compaction kept, but for the tombstones of its own revision. Each is its 17 bytes of revision, with a `t` for a
 * tombstone, and its KeyValue, a tombstone's with the key only. The caller has pinned the compaction.
 */
export function* hashKvSteps(
  parts: ReadParts,
  revision: number,
  current: number,
): Steps<HashKvResult | StoreErrorCode> {
  const { index, state } = parts;
  const compacted = state.compactedExact;
  const hasher = new Hasher(parts);
  const kept = compacted > 0 ? yield* versionsAt(parts, revision) : NO_VERSIONS;
  const keepsAny = kept.length > 0;
  if (compacted > 0) {
    const old = keepsAny ? kept : yield* versionsAt(parts, Math.min(compacted, revision));
    const failed = yield* hasher.addAll(upTo(parts, old, keepsAny ? compacted : compacted - 1));
    if (failed !== undefined) return failed;
  }
  // When nothing is kept, what the compaction left at its own revision counts, but for tombstones.
  for (let at = index.historySeek(keepsAny ? compacted + 1 : compacted); at < index.historyEnd; at += BATCH) {
    if (index.revision(index.historyAt(at)) > revision) break;
    const ids: VersionId[] = [];
    for (let i = at; i < Math.min(at + BATCH, index.historyEnd); i++) {
      const id = index.historyAt(i);
      const found = index.revision(id);
      if (found <= revision && (found > compacted || isKept(parts, id, compacted))) ids.push(id);
    }
    const failed = yield* hasher.addAll(Uint32Array.from(ids));
    if (failed !== undefined) return failed;
  }
  return { revision: current, hash: hasher.sum, compactRevision: compacted, hashRevision: revision };
}

/** Whether a version of the revision that was compacted when the walk began is what a reader there sees. */
function isKept({ index }: ReadParts, id: VersionId, compacted: number): boolean {
  return !index.isTombstone(id) && index.at(index.keyOf(id), compacted) === id;
}

/** What a reader at `revision` sees, in order of revisions. */
function* versionsAt(parts: ReadParts, revision: number): Steps<Uint32Array> {
  const { index, budget } = parts;
  let found = new Uint32Array(1024);
  let count = 0;
  if (revision >= 0) {
    const walk = index.walk(EVERYTHING, undefined, revision);
    const ids = new Uint32Array(256);
    while (!walk.done) {
      const more = walk.next(ids);
      if (count + more > found.length) {
        const wider = new Uint32Array(found.length * 2);
        wider.set(found);
        found = wider;
      }
      found.set(ids.subarray(0, more), count);
      count += more;
      if (budget.spend(more + 16)) yield undefined;
    }
  }
  return yield* mergeSort(found.subarray(0, count), (a, b) => order(parts, a, b), budget);
}

/** The part at or below a revision of versions in order. */
function upTo(parts: ReadParts, ids: Uint32Array, revision: number): Uint32Array {
  let end = ids.length;
  while (end > 0 && parts.index.revision(ids[end - 1]!) > revision) end--;
  return ids.subarray(0, end);
}

function order({ index }: ReadParts, a: VersionId, b: VersionId): number {
  return index.revision(a) - index.revision(b) || index.sub(a) - index.sub(b);
}

class Hasher {
  readonly #parts: ReadParts;
  readonly #row = Buffer.alloc(18);
  sum = crc32c(0, BUCKET);

  constructor(parts: ReadParts) {
    this.#parts = parts;
    this.#row[8] = '_'.charCodeAt(0);
    this.#row[17] = 't'.charCodeAt(0);
  }

  *addAll(ids: Uint32Array): Steps<StoreErrorCode | undefined> {
    const { index, segments, budget } = this.#parts;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      let length: number;
      if (index.inMemory(id)) {
        length = index.length(id);
        this.#add(id, segments.bytes(index.segment(id)), index.offset(id), length);
      } else {
        const fetched = fetchBodies(this.#parts, ids, i, i + 1, () => true);
        yield fetched.ready;
        if (fetched.failed !== undefined) return fetched.failed;
        const body = fetched.found[0]!;
        length = body.length;
        this.#add(id, body, 0, length);
      }
      if (budget.spend(8 + length * UNITS_PER_BYTE)) yield undefined;
    }
    return undefined;
  }

  #add(id: VersionId, bytes: Uint8Array, offset: number, length: number): void {
    const { index } = this.#parts;
    const isTombstone = index.isTombstone(id);
    this.#row.writeBigInt64BE(BigInt(index.revision(id)), 0);
    this.#row.writeBigInt64BE(BigInt(index.sub(id)), 9);
    this.sum = crc32c(this.sum, this.#row, 0, isTombstone ? 18 : 17);
    const end = isTombstone ? keyOffset(bytes, offset) + keyLength(bytes, offset) : offset + length;
    this.sum = crc32c(this.sum, bytes, offset, end);
  }
}

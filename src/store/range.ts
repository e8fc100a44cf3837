import { ByteRuns } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { RangeWalk, VersionId } from '../index/index.ts';
import { keyView } from '../wire/index.ts';
import type { RangeRequest } from '../wire/index.ts';
import { Collector, hasFilters, isDescendingByKey } from './collector.ts';
import { countSteps } from './count.ts';
import type { StoreErrorCode } from './errors.ts';
import { fetchBodies } from './fetch.ts';
import { keyRange } from './ranges.ts';
import { cutOf, pushCut } from './keys-only.ts';
import type { RangeResult } from './results.ts';
import type { Steps } from './slices.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';

/** How many versions a walk gives at once: between two looks at the clock. */
const BATCH = 128;

/**
 * Which revision a request means at the current one: etcd's rule 3 of B.2. The same for a read in a transaction that
 * has written.
 */
export function readRevision(
  requested: number,
  current: number,
  compacted: number,
): number | 'FutureRev' | 'Compacted' {
  if (requested > current) return 'FutureRev';
  const revision = requested <= 0 ? current : requested;
  return revision < compacted ? 'Compacted' : revision;
}

/**
 * The range of a single key without filters: all that most calls want, in one go. Undefined when its body must be read
 * back from the engine.
 */
export function rangePoint(
  parts: ReadParts,
  request: RangeRequest,
  revision: number,
  header: number,
): RangeResult | undefined {
  const { index } = parts;
  const id = liveAt(index, request.key, revision);
  const kvs = new ByteRuns();
  if (id === NONE) return { revision: header, count: 0, more: false, kvs };
  if (!request.countOnly) {
    if (!index.inMemory(id)) return undefined;
    const length = index.length(id);
    const buffer = parts.segments.bytes(index.segment(id));
    const offset = index.offset(id);
    pushCut(kvs, cutOf(request), buffer, offset, length);
  }
  return { revision: header, count: 1, more: false, kvs };
}

export function isPoint(request: RangeRequest): boolean {
  return request.rangeEnd.length === 0 && !hasFilters(request);
}

/**
 * A range at `revision`, which is not above the current one nor below the compacted one, in steps. Whoever lets time
 * pass between two steps pins the revision. `held` learns how many bytes are found so far.
 */
export function* rangeSteps(
  parts: ReadParts,
  request: RangeRequest,
  revision: number,
  header: number,
  held?: (bytes: number) => StoreErrorCode | undefined,
): Steps<RangeResult | StoreErrorCode> {
  if (isPoint(request)) {
    const result = rangePoint(parts, request, revision, header);
    if (result !== undefined) return result;
  }
  const collector = new Collector(parts.index, parts.segments, request);
  if (request.rangeEnd.length === 0) return yield* singleKey(parts, request, revision, header, collector);
  const range = keyRange(request.key, request.rangeEnd);
  if (range === undefined) return { revision: header, count: 0, more: false, kvs: collector.kvs };
  if (request.countOnly) {
    const count = yield* countSteps(parts, range.from, range.to, revision);
    return { revision: header, count, more: false, kvs: collector.kvs };
  }
  const walk = parts.index.walk(range.from, range.to, revision, isDescendingByKey(request));
  const visited = yield* collect(parts, walk, collector, held);
  if (typeof visited === 'string') return visited;
  const kvs = yield* inOrder(parts, collector, request);
  const more = collector.more;
  if (!collector.full) return { revision: header, count: visited, more, kvs };
  const count = yield* countSteps(parts, range.from, range.to, revision);
  rememberNextPage(parts, request, revision, range.to, kvs, count);
  return { revision: header, count, more, kvs };
}

/** Walks until the end or until the collector is full. How many keys it saw, or what went wrong. */
function* collect(
  parts: ReadParts,
  walk: RangeWalk,
  collector: Collector,
  held: ((bytes: number) => StoreErrorCode | undefined) | undefined,
): Steps<number | StoreErrorCode> {
  const ids = new Uint32Array(BATCH);
  let visited = 0;
  while (!walk.done && !collector.full) {
    const count = walk.next(ids);
    visited += count;
    let at = collector.take(ids, 0, count);
    while (at < count && !collector.full) {
      const bodies = fetchBodies(parts, ids, at, count, (id) => collector.needsBody(id));
      yield bodies.ready;
      if (bodies.failed !== undefined) return bodies.failed;
      for (let i = 0; i < bodies.found.length && !collector.full && ids[at] === bodies.ids[i]; i++) {
        collector.takeBody(bodies.found[i]!);
        at = collector.take(ids, at + 1, count);
      }
    }
    if (parts.budget.spend(count + 16)) {
      const refusal = held?.(collector.bytes);
      if (refusal !== undefined) return refusal;
      yield undefined;
    }
  }
  return visited;
}

function* singleKey(
  parts: ReadParts,
  request: RangeRequest,
  revision: number,
  header: number,
  collector: Collector,
): Steps<RangeResult | StoreErrorCode> {
  const id: VersionId = liveAt(parts.index, request.key, revision);
  if (id === NONE || request.countOnly) {
    return { revision: header, count: id === NONE ? 0 : 1, more: false, kvs: collector.kvs };
  }
  const ids = Uint32Array.of(id);
  if (collector.take(ids, 0, 1) === 0) {
    const bodies = fetchBodies(parts, ids, 0, 1, () => true);
    yield bodies.ready;
    if (bodies.failed !== undefined) return bodies.failed;
    for (const body of bodies.found) collector.takeBody(body);
  }
  const kvs = yield* inOrder(parts, collector, request);
  return { revision: header, count: 1, more: false, kvs };
}

/** The bodies found, sorted and cut to the limit. */
function* inOrder(parts: ReadParts, collector: Collector, request: RangeRequest): Steps<ByteRuns> {
  const { sorter } = collector;
  if (sorter === undefined) return collector.kvs;
  const kvs = yield* sorter.sorted(parts.budget, cutOf(request));
  kvs.ownBytes = collector.kvs.ownBytes;
  if (request.limit > 0) kvs.truncate(Math.min(kvs.count, request.limit));
  return kvs;
}

/**
 * A client asks for the next page at this revision, from the key right behind the last one. What a transaction sees of
 * itself is not remembered: it may go on writing at the same revision.
 */
function rememberNextPage(
  parts: ReadParts,
  request: RangeRequest,
  revision: number,
  to: Bytes | undefined,
  kvs: ByteRuns,
  count: number,
): void {
  if (revision > parts.state.revision) return;
  if (kvs.count === 0 || isDescendingByKey(request) || hasFilters(request) || request.sortTarget !== 0)
    return;
  const last = kvs.count - 1;
  const key = keyView(kvs.buffer(last), kvs.offset(last));
  const from = Buffer.alloc(key.length + 1);
  from.set(key);
  parts.counts.set(revision, from, to, count - kvs.count);
}

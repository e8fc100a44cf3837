import { compareBytes } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { VersionId } from '../index/index.ts';
import {
  CompareResult,
  CompareTarget,
  createRevision,
  lease,
  modRevision,
  valueView,
  version,
} from '../wire/index.ts';
import type { Compare } from '../wire/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { fetchBodies } from './fetch.ts';
import { keyRange } from './ranges.ts';
import type { Steps } from './slices.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';

/**
 * Whether all compares hold at `revision` (etcd-v3.md B.4, rules 4 and 7); a code when what they look at cannot be read.
 * For a transaction that writes `revision` is the newest one, and all of it in memory. One that only reads may have been
 * overtaken by writes between two of its slices, and memory may have dropped what they superseded.
 */
export function* comparesHold(
  parts: ReadParts,
  compares: readonly Compare[],
  revision: number,
): Steps<boolean | StoreErrorCode> {
  for (const compare of compares) {
    const holds =
      compare.rangeEnd.length === 0
        ? yield* keyHolds(parts, compare, liveAt(parts.index, compare.key, revision))
        : yield* rangeHolds(parts, compare, revision);
    if (holds !== true) return holds;
  }
  return true;
}

/** The same for compares of single keys with their newest versions, in one go. */
export function pointsHold(parts: ReadParts, compares: readonly Compare[], revision: number): boolean {
  for (const compare of compares) {
    if (!holdsFor(parts, compare, liveAt(parts.index, compare.key, revision))) return false;
  }
  return true;
}

/** Every key of the range must match; an empty range is compared like one key that does not exist. */
function* rangeHolds(parts: ReadParts, compare: Compare, revision: number): Steps<boolean | StoreErrorCode> {
  const range = keyRange(compare.key, compare.rangeEnd);
  if (range === undefined) return holdsFor(parts, compare, NONE);
  const walk = parts.index.walk(range.from, range.to, revision);
  const ids = new Uint32Array(64);
  let found = false;
  while (!walk.done) {
    const count = walk.next(ids);
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      const holds = parts.index.inMemory(id)
        ? holdsFor(parts, compare, id)
        : yield* keyHolds(parts, compare, id);
      if (holds !== true) return holds;
    }
    found ||= count > 0;
    if (parts.budget.spend(count + 16)) yield undefined;
  }
  return found || holdsFor(parts, compare, NONE);
}

/** As `holdsFor`, of a version whose body may have to be read back from the engine. */
function* keyHolds(parts: ReadParts, compare: Compare, id: VersionId): Steps<boolean | StoreErrorCode> {
  if (id === NONE || parts.index.inMemory(id)) return holdsFor(parts, compare, id);
  const bodies = fetchBodies(parts, Uint32Array.of(id), 0, 1, () => true);
  yield bodies.ready;
  if (bodies.failed !== undefined) return bodies.failed;
  return holdsFor(parts, compare, id, bodies.found[0]);
}

/**
 * `id` NONE: a key that does not exist, whose numbers are 0 and whose value equals nothing. `body` is given when it is
 * not in memory.
 */
function holdsFor(parts: ReadParts, compare: Compare, id: VersionId, body?: Bytes): boolean {
  if (id === NONE && compare.target === CompareTarget.value) return false;
  const order = orderOf(parts, compare, id, body);
  switch (compare.result) {
    case CompareResult.equal:
      return order === 0;
    case CompareResult.greater:
      return order > 0;
    case CompareResult.less:
      return order < 0;
    case CompareResult.notEqual:
      return order !== 0;
    default:
      return true;
  }
}

/** What is found against what is expected: negative, zero or positive. An unknown target is always equal. */
function orderOf(parts: ReadParts, compare: Compare, id: VersionId, body: Bytes | undefined): number {
  const { index } = parts;
  const { operand } = compare;
  const exists = id !== NONE;
  const isHeld = exists && body === undefined;
  const bytes = isHeld ? parts.segments.bytes(index.segment(id)) : (body ?? NO_BYTES);
  const offset = isHeld ? index.offset(id) : 0;
  const length = isHeld ? index.length(id) : bytes.length;
  switch (compare.target) {
    case CompareTarget.version:
      return version(bytes, offset, length) - (operand.kind === 'version' ? operand.value : 0);
    case CompareTarget.createRevision:
      return createRevision(bytes, offset, length) - (operand.kind === 'createRevision' ? operand.value : 0);
    case CompareTarget.modRevision:
      return modRevision(bytes, offset, length) - (operand.kind === 'modRevision' ? operand.value : 0);
    case CompareTarget.value:
      return compareBytes(
        valueView(bytes, offset, length),
        operand.kind === 'value' ? operand.value : NO_BYTES,
      );
    case CompareTarget.lease: {
      const found = exists ? lease(bytes, offset, length) : 0n;
      const expected = operand.kind === 'lease' ? operand.value : 0n;
      return found === expected ? 0 : found > expected ? 1 : -1;
    }
    default:
      return 0;
  }
}

const NO_BYTES = new Uint8Array(0);

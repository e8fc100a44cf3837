import { compareBytes } from '../base/index.ts';
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
import { keyRange } from './ranges.ts';
import type { Steps } from './slices.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';

/**
 * Whether all compares hold at `revision` (etcd-v3.md B.4, rules 4 and 7). Bodies at the revisions that a transaction is
 * judged at are always in memory.
 */
export function* comparesHold(
  parts: ReadParts,
  compares: readonly Compare[],
  revision: number,
): Steps<boolean> {
  for (const compare of compares) {
    if (compare.rangeEnd.length === 0) {
      if (!holdsFor(parts, compare, liveAt(parts.index, compare.key, revision))) return false;
    } else if (!(yield* rangeHolds(parts, compare, revision))) return false;
  }
  return true;
}

/** The same for compares of single keys only, in one go. */
export function pointsHold(parts: ReadParts, compares: readonly Compare[], revision: number): boolean {
  for (const compare of compares) {
    if (!holdsFor(parts, compare, liveAt(parts.index, compare.key, revision))) return false;
  }
  return true;
}

/** Every key of the range must match; an empty range is compared like one key that does not exist. */
function* rangeHolds(parts: ReadParts, compare: Compare, revision: number): Steps<boolean> {
  const range = keyRange(compare.key, compare.rangeEnd);
  if (range === undefined) return holdsFor(parts, compare, NONE);
  const walk = parts.index.walk(range.from, range.to, revision);
  const ids = new Uint32Array(64);
  let found = false;
  while (!walk.done) {
    const count = walk.next(ids);
    for (let i = 0; i < count; i++) if (!holdsFor(parts, compare, ids[i]!)) return false;
    found ||= count > 0;
    if (parts.budget.spend(count + 16)) yield undefined;
  }
  return found || holdsFor(parts, compare, NONE);
}

/** `id` NONE: a key that does not exist, whose numbers are 0 and whose value equals nothing. */
function holdsFor(parts: ReadParts, compare: Compare, id: VersionId): boolean {
  if (id === NONE && compare.target === CompareTarget.value) return false;
  const order = orderOf(parts, compare, id);
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
function orderOf(parts: ReadParts, compare: Compare, id: VersionId): number {
  const { index } = parts;
  const { operand } = compare;
  const exists = id !== NONE;
  const bytes = exists ? parts.segments.bytes(index.segment(id)) : NO_BYTES;
  const offset = exists ? index.offset(id) : 0;
  const length = exists ? index.length(id) : 0;
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

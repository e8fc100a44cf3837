import { ByteRuns } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { DeleteRangeRequest } from '../wire/index.ts';
import { proposeRemove } from './changes.ts';
import { keyRange } from './ranges.ts';
import type { DeleteRangeResult, Done } from './results.ts';
import type { Steps } from './slices.ts';
import type { Evaluated } from './steps-call.ts';
import { StepsCall } from './steps-call.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';
import type { WriteParts } from './write-parts.ts';

const BATCH = 256;

/** How much a delete will propose: its keys, and the bytes of them. */
export interface Extent {
  keys: number;
  bytes: number;
}

export interface Deleted {
  readonly deleted: number;
  readonly prevKvs: ByteRuns;
}

/** Adds to `extent` what deleting `request` at `revision` takes. */
export function* measureDelete(
  parts: ReadParts,
  request: DeleteRangeRequest,
  revision: number,
  extent: Extent,
): Steps<void> {
  const { index } = parts;
  if (request.rangeEnd.length === 0) {
    extent.keys += 1;
    extent.bytes += request.key.length;
    return;
  }
  const range = keyRange(request.key, request.rangeEnd);
  if (range === undefined) return;
  const walk = index.walk(range.from, range.to, revision);
  const ids = new Uint32Array(BATCH);
  while (!walk.done) {
    const count = walk.next(ids);
    for (let i = 0; i < count; i++) extent.bytes += index.keyBytes(index.keyOf(ids[i]!)).length;
    extent.keys += count;
    if (parts.budget.spend(count + 16)) yield undefined;
  }
}

/** Deletes in key order, numbering changes from `sub` on. What is deleted is what lives at `revision`, its own included. */
export function* proposeDelete(
  parts: WriteParts,
  request: DeleteRangeRequest,
  revision: number,
  sub: number,
): Steps<Deleted> {
  if (request.rangeEnd.length === 0) return proposePointDelete(parts, request, revision, sub);
  const { index, segments } = parts;
  const prevKvs = new ByteRuns();
  let deleted = 0;
  const remove = (id: number): void => {
    if (request.prevKv) prevKvs.push(segments.bytes(index.segment(id)), index.offset(id), index.length(id));
    proposeRemove(parts, index.keyOf(id), revision, sub + deleted++);
  };
  const range = keyRange(request.key, request.rangeEnd);
  if (range === undefined) return { deleted, prevKvs };
  const walk = index.walk(range.from, range.to, revision);
  const ids = new Uint32Array(BATCH);
  while (!walk.done) {
    const count = walk.next(ids);
    for (let i = 0; i < count; i++) {
      remove(ids[i]!);
      if (parts.budget.spend(16)) yield undefined;
    }
    if (parts.budget.spend(16)) yield undefined;
  }
  return { deleted, prevKvs };
}

/** Deletes a single key. */
export function proposePointDelete(
  parts: WriteParts,
  request: DeleteRangeRequest,
  revision: number,
  sub: number,
): Deleted {
  const { index } = parts;
  const prevKvs = new ByteRuns();
  const id = liveAt(index, request.key, revision);
  if (id === NONE) return { deleted: 0, prevKvs };
  if (request.prevKv)
    prevKvs.push(parts.segments.bytes(index.segment(id)), index.offset(id), index.length(id));
  proposeRemove(parts, index.keyOf(id), revision, sub);
  return { deleted: 1, prevKvs };
}

/** A delete by itself (etcd-v3.md B.5). It is its own result. */
export class DeleteRangeCall extends StepsCall<DeleteRangeResult> implements DeleteRangeResult {
  readonly #request: DeleteRangeRequest;
  revision = 0;
  deleted = 0;
  prevKvs = new ByteRuns();

  constructor(parts: WriteParts, request: DeleteRangeRequest, bytes: number, done: Done<DeleteRangeResult>) {
    super(parts, bytes, done);
    this.#request = request;
  }

  protected *evaluate(): Steps<Evaluated> {
    const { parts } = this;
    const { state, writer } = parts;
    if (state.pending.alarms) return 'wait';
    if (state.alarms.corrupt) return 'Corrupt';
    const base = writer.proposedRevision;
    const extent: Extent = { keys: 0, bytes: 0 };
    yield* measureDelete(parts, this.#request, base, extent);
    if (!writer.fits(extent.bytes, extent.keys)) return 'RequestTooLarge';
    yield* this.propose(extent.keys, this.#delete(base + 1));
    this.revision = this.deleted > 0 ? base + 1 : base;
    return this.deleted > 0 ? 'sealed' : 'unchanged';
  }

  *#delete(revision: number): Steps<void> {
    const { deleted, prevKvs } = yield* proposeDelete(this.parts, this.#request, revision, 0);
    this.deleted = deleted;
    this.prevKvs = prevKvs;
  }

  protected result(): DeleteRangeResult {
    return this;
  }
}

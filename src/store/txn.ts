import { assert } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { PutRequest, RangeRequest, TxnRequest } from '../wire/index.ts';
import { bodyOf, proposePut } from './changes.ts';
import type { Extent } from './delete-range.ts';
import { measureDelete, proposeDelete } from './delete-range.ts';
import type { StoreErrorCode } from './errors.ts';
import { putCost } from './quota.ts';
import { rangeSteps } from './range.ts';
import { keyRange } from './ranges.ts';
import type { Done, PutResult, RangeResult, TxnResult } from './results.ts';
import type { Steps } from './slices.ts';
import type { Evaluated } from './steps-call.ts';
import { StepsCall } from './steps-call.ts';
import type { PlannedOp, TxnPlan } from './txn-plan.ts';
import { checkPlan, hasPut, planTxn } from './txn-plan.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';
import type { WriteParts } from './write-parts.ts';

/** A transaction that cannot write, at `revision`: it takes the read path (etcd-v3.md B.4, rule 9). */
export function* readOnlyTxnSteps(
  parts: ReadParts,
  request: TxnRequest,
  revision: number,
): Steps<TxnResult | StoreErrorCode> {
  const plan = yield* planTxn(parts, request, revision);
  const refusal = checkPlan(parts, plan, revision, false);
  assert(refusal !== 'wait', 'the read path depends on nothing pending');
  if (refusal !== undefined) return refusal;
  for (const { op, into } of plan.ops) {
    assert(op.kind === 'range', 'a read-only transaction consists of ranges');
    const at = op.request.revision > 0 ? op.request.revision : revision;
    const result = yield* rangeSteps(parts, op.request, at, revision);
    if (typeof result === 'string') return result;
    into.push({ kind: 'range', result });
  }
  plan.result.revision = revision;
  return plan.result;
}

/** A transaction on the write path: evaluated against all that is proposed, in the order of its list (B.4). */
export class TxnCall extends StepsCall<TxnResult> {
  readonly #request: TxnRequest;
  #result: TxnResult | undefined;
  /** Changes so far: the sub-revision of the next one. */
  #sub = 0;

  constructor(parts: WriteParts, request: TxnRequest, bytes: number, done: Done<TxnResult>) {
    super(parts, bytes, done);
    this.#request = request;
  }

  protected result(): TxnResult {
    assert(this.#result !== undefined, 'a transaction that is answered has been evaluated');
    return this.#result;
  }

  protected *evaluate(): Steps<Evaluated> {
    const { parts } = this;
    const { state, writer } = parts;
    if (state.pending.alarms) return 'wait';
    if (state.alarms.corrupt) return 'Corrupt';
    if (hasPut(this.#request) && (state.alarms.noSpace || !parts.quota.admits(costOf(this.#request))))
      return 'NoSpace';
    const base = writer.proposedRevision;
    const plan = yield* planTxn(parts, this.#request, base);
    const refusal = checkPlan(parts, plan, base, true) ?? (yield* this.#readEarly(plan, base));
    if (refusal !== undefined) return refusal;
    const extent = yield* this.#measure(plan, base);
    if (!writer.fits(extent.bytes, extent.keys)) return 'RequestTooLarge';
    yield* this.propose(extent.keys + readKeys(parts, plan), this.#run(plan, base));
    plan.result.revision = this.#sub > 0 ? base + 1 : base;
    this.#result = plan.result;
    return this.#sub > 0 ? 'sealed' : 'unchanged';
  }

  /**
   * Ranges at a revision of their own see nothing of this transaction. They are read before anything is proposed, because
   * they may have to read from the engine.
   */
  *#readEarly(plan: TxnPlan, base: number): Steps<StoreErrorCode | undefined> {
    for (const planned of plan.ops) {
      if (planned.op.kind !== 'range' || planned.op.request.revision <= 0) continue;
      const { request } = planned.op;
      const pin = this.parts.pins.open(request.revision);
      if (pin === undefined) return 'TooManyRequests';
      try {
        const result = yield* rangeSteps(this.parts, request, request.revision, base);
        if (typeof result === 'string') return result;
        planned.read = result;
      } finally {
        this.parts.pins.close(pin);
      }
    }
    return undefined;
  }

  /** An upper bound of what will be proposed: a key that the transaction itself puts may be deleted once more. */
  *#measure(plan: TxnPlan, base: number): Steps<Extent> {
    const extent: Extent = { keys: 0, bytes: 0 };
    for (const { op } of plan.ops) {
      if (op.kind === 'put') {
        extent.keys += 2;
        extent.bytes += 2 * op.request.key.length + valueLengthOf(this.parts, op.request, base);
      } else if (op.kind === 'deleteRange') yield* measureDelete(this.parts, op.request, base, extent);
    }
    return extent;
  }

  *#run(plan: TxnPlan, base: number): Steps<void> {
    for (const planned of plan.ops) {
      const { op, into } = planned;
      switch (op.kind) {
        case 'range':
          into.push({ kind: 'range', result: yield* this.#range(planned, op.request, base) });
          break;
        case 'put':
          into.push({ kind: 'put', result: this.#put(op.request, base) });
          break;
        case 'deleteRange': {
          const { deleted, prevKvs } = yield* proposeDelete(this.parts, op.request, base + 1, this.#sub);
          this.#sub += deleted;
          const revision = this.#sub > 0 ? base + 1 : base;
          into.push({ kind: 'deleteRange', result: { revision, deleted, prevKvs } });
          break;
        }
        case 'txn':
          assert(planned.nested !== undefined, 'a nested transaction has been decided');
          into.push({ kind: 'txn', result: planned.nested });
          break;
        case 'none':
          assert(false, 'an empty operation has been refused');
      }
    }
  }

  /** Sees what the transaction has written so far; so does its header. */
  *#range(planned: PlannedOp, request: RangeRequest, base: number): Steps<RangeResult> {
    const current = this.#sub > 0 ? base + 1 : base;
    if (planned.read !== undefined) return { ...planned.read, revision: current };
    const result = yield* rangeSteps(this.parts, request, current, current);
    assert(typeof result !== 'string', 'a range of what is newest cannot fail');
    return result;
  }

  #put(request: PutRequest, base: number): PutResult {
    const previous = request.prevKv ? this.parts.state.live(request.key) : NONE;
    const prevKv: Bytes | undefined = previous === NONE ? undefined : bodyOf(this.parts, previous);
    proposePut(this.parts, request, base + 1, this.#sub++);
    return { revision: base + 1, prevKv };
  }
}

/** About how many keys the ranges of the plan visit. */
function readKeys(parts: ReadParts, plan: TxnPlan): number {
  let keys = 0;
  for (const { op, read } of plan.ops) {
    if (op.kind !== 'range' || read !== undefined || op.request.rangeEnd.length === 0) continue;
    const range = keyRange(op.request.key, op.request.rangeEnd);
    if (range !== undefined) keys += parts.index.countNewest(range.from, range.to);
  }
  return keys;
}

/** With ignore_value the old value is written again. */
function valueLengthOf(parts: WriteParts, request: PutRequest, revision: number): number {
  if (!request.ignoreValue) return request.value.length;
  const previous = liveAt(parts.index, request.key, revision);
  return previous === NONE ? 0 : parts.index.length(previous);
}

/** What the costlier branch would take, as etcd estimates it. */
function costOf(request: TxnRequest): number {
  const sum = (branch: TxnRequest['success']): number =>
    branch.reduce((cost, op) => {
      if (op.kind === 'put') return cost + putCost(op.request.key, op.request.value);
      return op.kind === 'txn' ? cost + costOf(op.request) : cost;
    }, 0);
  return Math.max(sum(request.success), sum(request.failure));
}

import { assert } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { PutRequest, RangeRequest, RequestOp, TxnRequest } from '../wire/index.ts';
import { bodyOf, proposePut } from './changes.ts';
import type { Extent } from './delete-range.ts';
import { measureDelete, proposeDelete, proposePointDelete } from './delete-range.ts';
import type { StoreErrorCode } from './errors.ts';
import { LeaseRoom } from './lease-room.ts';
import { putCost } from './quota.ts';
import { rangePoint, rangeSteps } from './range.ts';
import { keyRange } from './ranges.ts';
import type { Done, OpResult, PutResult, RangeResult, TxnResult } from './results.ts';
import type { Steps } from './slices.ts';
import type { Evaluated } from './steps-call.ts';
import { StepsCall } from './steps-call.ts';
import type { PlannedOp, TxnPlan } from './txn-plan.ts';
import { checkPlan, hasPut, isSimple, planSimple, planTxn } from './txn-plan.ts';
import { liveAt } from './view.ts';
import type { ReadParts } from './view.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress } from './write-queue.ts';

/** A transaction that cannot write, at `revision`: it takes the read path (etcd-v3.md B.4, rule 9). */
export function* readOnlyTxnSteps(
  parts: ReadParts,
  request: TxnRequest,
  revision: number,
): Steps<TxnResult | StoreErrorCode> {
  const plan = yield* planTxn(parts, request, revision);
  if (typeof plan === 'string') return plan;
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
  parts.state.operations.ranges += plan.ops.length;
  if (plan.ops.length > 1) parts.state.operations.txns++;
  plan.result.revision = revision;
  return plan.result;
}

/** A transaction on the write path: evaluated against all that is proposed, in the order of its list (B.4). */
export class TxnCall extends StepsCall<TxnResult> {
  readonly #request: TxnRequest;
  #result: TxnResult | undefined;
  /** Changes so far: the sub-revision of the next one. */
  #sub = 0;
  readonly #isSimple: boolean;

  constructor(parts: WriteParts, request: TxnRequest, bytes: number, done: Done<TxnResult>) {
    super(parts, bytes, done);
    this.#request = request;
    this.#isSimple = isSimple(request);
  }

  protected result(): TxnResult {
    assert(this.#result !== undefined, 'a transaction that is answered has been evaluated');
    return this.#result;
  }

  /** A simple one needs no steps: this is the hot path. */
  override run(): Progress {
    if (!this.#isSimple) return super.run();
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal === 'wait' ? refusal : this.fail(refusal);
    const { parts } = this;
    const base = parts.writer.proposedRevision;
    const plan = planSimple(parts, this.#request, base);
    const wrong = checkPlan(parts, plan, base, true) ?? this.#leaseRefusal(plan);
    if (wrong !== undefined) return wrong === 'wait' ? wrong : this.fail(wrong);
    for (const { op, into } of plan.ops) this.#runSimple(op, into, base);
    this.#finish(plan, base);
    return this.#sub > 0 ? this.seal() : this.answer();
  }

  protected *evaluate(): Steps<Evaluated> {
    const { parts } = this;
    const { writer } = parts;
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    const base = writer.proposedRevision;
    const plan = yield* planTxn(parts, this.#request, base);
    if (typeof plan === 'string') return plan;
    const refusal =
      checkPlan(parts, plan, base, true) ?? this.#leaseRefusal(plan) ?? (yield* this.#readEarly(plan, base));
    if (refusal !== undefined) return refusal;
    const extent = yield* this.#measure(plan, base);
    if (!writer.fits(extent.bytes, extent.keys)) return 'RequestTooLarge';
    yield* this.propose(extent.keys + readKeys(parts, plan), this.#run(plan, base));
    this.#finish(plan, base);
    return this.#sub > 0 ? 'sealed' : 'unchanged';
  }

  /** What etcd refuses before it looks at the compares. */
  #refusal(): StoreErrorCode | 'wait' | undefined {
    const { state, quota } = this.parts;
    if (state.pending.alarms) return 'wait';
    if (state.alarms.corrupt) return 'Corrupt';
    if (!hasPut(this.#request)) return undefined;
    return state.alarms.noSpace || !quota.admits(costOf(this.#request)) ? 'NoSpace' : undefined;
  }

  #leaseRefusal(plan: TxnPlan): StoreErrorCode | undefined {
    const room = new LeaseRoom(this.parts);
    for (const { op } of plan.ops) if (op.kind === 'put' && !room.take(op.request)) return 'LeaseFull';
    return undefined;
  }

  #finish(plan: TxnPlan, base: number): void {
    plan.result.revision = this.#sub > 0 ? base + 1 : base;
    this.#result = plan.result;
    if (plan.ops.length > 1) this.parts.state.operations.txns++;
  }

  #runSimple(op: RequestOp, into: OpResult[], base: number): void {
    const { parts } = this;
    if (op.kind === 'put') into.push({ kind: 'put', result: this.#put(op.request, base) });
    else if (op.kind === 'range') {
      const current = this.#sub > 0 ? base + 1 : base;
      parts.state.operations.ranges++;
      const result = rangePoint(parts, op.request, current, current);
      assert(result !== undefined, 'what is newest is in memory');
      into.push({ kind: 'range', result });
    } else if (op.kind === 'deleteRange') {
      const { deleted, prevKvs } = proposePointDelete(parts, op.request, base + 1, this.#sub);
      this.#sub += deleted;
      into.push({
        kind: 'deleteRange',
        result: { revision: this.#sub > 0 ? base + 1 : base, deleted, prevKvs },
      });
    }
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
    this.parts.state.operations.ranges++;
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
  return Math.max(costOfAll(request.success), costOfAll(request.failure));
}

function costOfAll(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === 'put') cost += putCost(op.request.key, op.request.value);
    else if (op.kind === 'txn') cost += costOf(op.request);
  }
  return cost;
}

import type { RangeRequest, TxnRequest } from '../wire/index.ts';
import type { Scheduler } from '../base/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { fail } from './fail.ts';
import { hashKvSteps } from './hash-kv.ts';
import type { Holds } from './holds.ts';
import { leasesSteps } from './lease-calls.ts';
import type { StoreLimits } from './limits.ts';
import type { Pin, Pins } from './pins.ts';
import { isPoint, rangePoint, rangeSteps, readRevision } from './range.ts';
import { StreamedRange } from './range-stream.ts';
import type {
  Done,
  HashKvResult,
  HashResult,
  LeasesResult,
  RangeResult,
  RangeSink,
  RangeStream,
  TxnResult,
} from './results.ts';
import type { Slices, Steps } from './slices.ts';
import { readOnlyTxnSteps } from './txn.ts';
import { checkRange } from './validate.ts';
import type { ReadParts } from './view.ts';

/** Why an answer may not leave now that needs the leadership; undefined: it may. */
export type Confirm = () => StoreErrorCode | undefined;

/**
 * The read path: everything is read at the committed revision, what is small at once within the call, what is not in
 * slices with the revision pinned. What a leader answers linearizably is confirmed after the work: `confirm` of a call.
 */
export class Reader {
  readonly #parts: ReadParts;
  readonly #slices: Slices;
  readonly #scheduler: Scheduler;
  readonly #pins: Pins;
  readonly #holds: Holds;
  readonly #limits: StoreLimits;

  constructor(options: {
    parts: ReadParts;
    slices: Slices;
    scheduler: Scheduler;
    pins: Pins;
    holds: Holds;
    limits: StoreLimits;
  }) {
    this.#parts = options.parts;
    this.#slices = options.slices;
    this.#scheduler = options.scheduler;
    this.#pins = options.pins;
    this.#holds = options.holds;
    this.#limits = options.limits;
  }

  range(request: RangeRequest, confirm: Confirm | undefined, done: Done<RangeResult>): void {
    const refusal = checkRange(request);
    if (refusal !== undefined) return fail(done, refusal);
    const { state } = this.#parts;
    state.operations.ranges++;
    const header = state.revision;
    const revision = readRevision(request.revision, header, state.compactedExact);
    if (typeof revision === 'string') return this.#end(done, revision, confirm);
    if (isPoint(request)) {
      const result = rangePoint(this.#parts, request, revision, header);
      if (result !== undefined) return this.#end(done, result, confirm);
    }
    if (this.#holds.isFull) return fail(done, 'TooManyRequests');
    this.#walk(revision, confirm, done, (held) => rangeSteps(this.#parts, request, revision, header, held));
  }

  rangeStream(request: RangeRequest, confirm: Confirm | undefined, sink: RangeSink): RangeStream {
    return new StreamedRange(
      {
        parts: this.#parts,
        slices: this.#slices,
        scheduler: this.#scheduler,
        pins: this.#pins,
        holds: this.#holds,
        limits: this.#limits,
        confirm,
      },
      request,
      sink,
    );
  }

  /** A transaction that cannot write. It has been validated. */
  txn(request: TxnRequest, confirm: Confirm | undefined, done: Done<TxnResult>): void {
    const { revision } = this.#parts.state;
    if (this.#holds.isFull) return fail(done, 'TooManyRequests');
    // Ranges in it may read as far back as the compaction.
    const pinned = Math.min(revision, ...request.success.concat(request.failure).map(revisionOf));
    this.#walk(pinned, confirm, done, () => readOnlyTxnSteps(this.#parts, request, revision));
  }

  /** 0: at the current revision. */
  hashKv(requested: number, done: Done<HashKvResult>): void {
    const { state } = this.#parts;
    if (requested > 0 && requested < state.compactedExact) return fail(done, 'Compacted');
    if (requested > state.revision) return fail(done, 'FutureRev');
    const revision = requested === 0 ? state.revision : requested;
    this.#walk(state.compacted, undefined, done, () => hashKvSteps(this.#parts, revision, state.revision));
  }

  /** etcd's covers its whole file; this one covers the whole history that is kept, leases and alarms. */
  hash(done: Done<HashResult>): void {
    this.hashKv(0, (error, result) => {
      if (error !== undefined) return done(error, { revision: 0, hash: 0 });
      done(undefined, { revision: result.revision, hash: (result.hash ^ this.#parts.state.digest()) >>> 0 });
    });
  }

  leases(confirm: Confirm | undefined, done: Done<LeasesResult>): void {
    const { state, budget } = this.#parts;
    this.#walk(state.revision, confirm, done, () => leasesSteps({ state, budget }));
  }

  /** Runs steps that read at `revision` or above, which is pinned if they take longer than one slice. */
  #walk<T extends object>(
    revision: number,
    confirm: Confirm | undefined,
    done: Done<T>,
    begin: (held: (bytes: number) => StoreErrorCode | undefined) => Steps<T | StoreErrorCode>,
  ): void {
    let pin: Pin | undefined;
    const finish = (result: T | StoreErrorCode): void => {
      if (pin !== undefined) this.#pins.close(pin);
      this.#end(done, result, confirm);
    };
    const held = (bytes: number): StoreErrorCode | undefined => {
      if (pin !== undefined) return this.#pins.hold(pin, bytes);
      return undefined;
    };
    const suspended = (): boolean => {
      pin = this.#pins.open(revision);
      if (pin === undefined) fail(done, 'TooManyRequests');
      return pin !== undefined;
    };
    const ended = this.#slices.run(begin(held), suspended, finish);
    if (ended !== undefined) finish(ended.value);
  }

  #end<T extends object>(done: Done<T>, result: T | StoreErrorCode, confirm: Confirm | undefined): void {
    const refusal = confirm?.();
    if (refusal !== undefined) fail(done, refusal);
    else if (typeof result === 'string') fail(done, result);
    else done(undefined, result);
  }
}

function revisionOf(op: TxnRequest['success'][number]): number {
  return op.kind === 'range' && op.request.revision > 0 ? op.request.revision : Infinity;
}

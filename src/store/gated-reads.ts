import type { Scheduler } from '../base/index.ts';
import type { RangeRequest, TxnRequest } from '../wire/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { fail } from './fail.ts';
import { GatedStream } from './gated-stream.ts';
import type { ReadIndex } from './options.ts';
import type { Confirm, Reader } from './reader.ts';
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
import { isSerializable } from './txn-plan.ts';

export interface GatedReadsOptions {
  readonly reader: Reader;
  readonly scheduler: Scheduler;
  readonly readIndex: ReadIndex | undefined;
  /** What is asked before an answer of the node that leads leaves; undefined while it does not lead. */
  readonly confirm: () => Confirm | undefined;
  /** Whether the state may be shown. */
  readonly isReadable: () => boolean;
  /** Why a call that needs the lead is refused here. */
  readonly refusal: () => StoreErrorCode;
  /** Whether nothing is applied any more: no read but a serializable one can be judged. */
  readonly isCorrupt: () => boolean;
}

/**
 * Reads, begun when they may be judged: a serializable one when the state may be shown; any other when this node leads and
 * can show it, or when all that a leader had committed by then is applied here. A leader that cannot renew its lease for a
 * moment lets them wait, as etcd does, until it can or another leads.
 */
export class GatedReads {
  readonly #options: GatedReadsOptions;

  constructor(options: GatedReadsOptions) {
    this.#options = options;
  }

  range(request: RangeRequest, done: Done<RangeResult>): void {
    const { reader } = this.#options;
    const confirm = this.#atOnce();
    if (confirm !== undefined) reader.range(request, request.serializable ? undefined : confirm, done);
    else this.#gate(request.serializable, done, (asked) => reader.range(request, asked, done));
  }

  rangeStream(request: RangeRequest, sink: RangeSink): RangeStream {
    const { reader, scheduler } = this.#options;
    const confirm = this.#atOnce();
    if (confirm !== undefined)
      return reader.rangeStream(request, request.serializable ? undefined : confirm, sink);
    return new GatedStream(sink, (open, refuse) =>
      this.#gate(
        request.serializable,
        (error) => scheduler.soon(() => refuse(error)),
        (asked) => open(reader.rangeStream(request, asked, sink)),
      ),
    );
  }

  /** One that only reads, and has been checked. */
  txn(request: TxnRequest, done: Done<TxnResult>): void {
    const { reader } = this.#options;
    this.#gate(isSerializable(request), done, (confirm) => reader.txn(request, confirm, done));
  }

  /** At a revision of this node; see `Reader.hashKv`. */
  hashKv(revision: number, done: Done<HashKvResult>): void {
    this.#gate(true, done, () => this.#options.reader.hashKv(revision, done));
  }

  /** At the current revision of this node. */
  hash(done: Done<HashResult>): void {
    this.#gate(true, done, () => this.#options.reader.hash(done));
  }

  leases(done: Done<LeasesResult>): void {
    this.#gate(false, done, (confirm) => this.#options.reader.leases(confirm, done));
  }

  /** Runs a read when it may be judged; `confirm` is to be asked before its answer leaves. */
  #gate<T>(serializable: boolean, done: Done<T>, run: (confirm: Confirm | undefined) => void): void {
    const { readIndex, isReadable, refusal, isCorrupt } = this.#options;
    if (serializable && isReadable()) return run(undefined);
    const confirm = this.#atOnce();
    if (confirm !== undefined) return run(confirm);
    if (readIndex === undefined || isCorrupt()) return fail(done, refusal());
    readIndex.ask((refused) => {
      if (refused !== undefined) return fail(done, refused);
      // The state may have come to need more meanwhile: the chunks it is made of were cleaned.
      if (!isReadable()) return fail(done, 'Timeout');
      // What it shows was current after the call came: that is enough, whoever leads when its answer leaves.
      run(undefined);
    });
  }

  /** What is asked before the answer leaves, where a read can begin at once. */
  #atOnce(): Confirm | undefined {
    const { readIndex } = this.#options;
    const confirm = this.#options.confirm();
    if (confirm === undefined || readIndex === undefined) return confirm;
    return readIndex.always || confirm() !== undefined ? undefined : confirm;
  }
}

import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';
import type { Cleaner, LogWriter } from '../log/index.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  TxnRequest,
} from '../wire/index.ts';
import { AlarmCall } from './alarm-call.ts';
import { CompactCall } from './compaction.ts';
import { DeleteRangeCall } from './delete-range.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import { Lapse } from './lapse.ts';
import { GrantCall, RevokeCall, TimeToLiveCall } from './lease-calls.ts';
import { Lessor } from './lessor.ts';
import type { StoreLimits } from './limits.ts';
import { RAFT_ENVELOPE_BYTES } from './limits.ts';
import type { StoreOptions } from './options.ts';
import { PutCall } from './put.ts';
import { Quota } from './quota.ts';
import type {
  AlarmRequest,
  AlarmResult,
  DeleteRangeResult,
  Done,
  KeepAliveResult,
  LeaseGrantResult,
  PutResult,
  RevisionResult,
  TimeToLiveResult,
  TxnResult,
} from './results.ts';
import type { Slices } from './slices.ts';
import { TxnCall } from './txn.ts';
import { checkDeleteRange, checkPut } from './validate.ts';
import type { ReadParts } from './view.ts';
import type { WriteParts } from './write-parts.ts';
import { WriteQueue } from './write-queue.ts';
import type { WriteCall } from './write-queue.ts';

const DEFAULT_LEASE_TTL_MIN = 2;

export interface LeaderOptions {
  readonly writer: LogWriter;
  readonly cleaner: Cleaner;
  readonly read: ReadParts;
  readonly pins: WriteParts['pins'];
  readonly slices: Slices;
  readonly limits: StoreLimits;
  readonly lease: { holds(): boolean };
  /** See `StoreOptions`. */
  readonly confirm: StoreOptions['confirm'];
  readonly faults: StoreOptions['faults'];
  /** The member that raises alarms. */
  readonly member: bigint;
  readonly quotaBytes: number;
  readonly leaseTtlMin: number | undefined;
  readonly whenCleaned: (run: () => void) => void;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * What a store does in one epoch of its own: the write path, the time of leases. It ends with the
 * epoch; the store goes on without it.
 */
export class Leader {
  readonly writer: LogWriter;
  readonly cleaner: Cleaner;
  readonly lessor: Lessor;
  readonly queue: WriteQueue;
  /** Whether an answer that needs the leadership may leave now. */
  readonly confirm: () => StoreErrorCode | undefined;
  readonly #options: LeaderOptions;
  readonly #parts: WriteParts;
  readonly #lapse: Lapse;
  /** Why nothing that needs the leadership is answered any more. */
  #ended: StoreErrorCode | undefined;

  constructor(options: LeaderOptions) {
    const { writer, read, pins, limits, slices, clock, scheduler, logger, member } = options;
    this.#options = options;
    this.writer = writer;
    this.cleaner = options.cleaner;
    const quota = new Quota({
      state: read.state,
      writer: () => writer,
      member,
      bytesMax: options.quotaBytes,
    });
    const later = (run: () => void): void => scheduler.soon(run);
    this.#parts = { ...read, writer, limits, pins, quota, later, confirm: options.confirm };
    this.queue = new WriteQueue({ writer: () => writer, clock, scheduler, slices, limits });
    const revoke = (id: bigint, done: (refusal: StoreErrorCode | undefined) => void): void =>
      this.#expire(id, done);
    this.lessor = new Lessor({ state: read.state, clock, scheduler, logger, limits, revoke });
    this.#lapse = new Lapse({ clock, scheduler, limits });
    this.confirm = () => this.#confirm();
  }

  /** The epoch has begun. */
  start(): void {
    this.lessor.start();
  }

  put(request: PutRequest, requestBytes: number, done: Done<PutResult>): void {
    const refusal = checkPut(request) ?? this.#admit(requestBytes);
    const call = new PutCall(this.#parts, request, requestBytes, done);
    if (refusal === undefined) this.queue.submit(call);
    else call.refuse(refusal);
  }

  deleteRange(request: DeleteRangeRequest, requestBytes: number, done: Done<DeleteRangeResult>): void {
    const call = new DeleteRangeCall(this.#parts, request, requestBytes, done);
    this.#submit(call, checkDeleteRange(request) ?? this.#admit(requestBytes));
  }

  /** `refusal`: what is wrong with the request itself, if anything. */
  txn(
    request: TxnRequest,
    size: { readonly requestBytes: number; readonly refusal: StoreErrorCode | undefined },
    done: Done<TxnResult>,
  ): void {
    const call = new TxnCall(this.#parts, request, size.requestBytes, done);
    this.#submit(call, size.refusal ?? this.#admit(size.requestBytes));
  }

  compact(request: CompactionRequest, done: Done<RevisionResult>): void {
    const { whenCleaned } = this.#options;
    this.#submit(new CompactCall(this.#parts, request, { done, whenCleaned }), this.#admit(0));
  }

  leaseGrant(request: LeaseGrantRequest, done: Done<LeaseGrantResult>): void {
    const ttlMin = this.#options.leaseTtlMin ?? DEFAULT_LEASE_TTL_MIN;
    const call = new GrantCall(this.#parts, request, { random: this.#options.random, ttlMin }, done);
    this.#submit(call, this.#admit(0));
  }

  leaseRevoke(id: bigint, done: Done<RevisionResult>): void {
    this.#submit(new RevokeCall(this.#parts, { id }, done), this.#admit(0));
  }

  leaseKeepAlive(id: bigint, done: Done<KeepAliveResult>): void {
    const { confirm, faults } = this.#options;
    const isUnsafe = faults?.has('keep-alive-without-lease') === true;
    if (this.#ended !== undefined) done(storeError(this.#ended), { revision: 0, ttl: 0 });
    else if (!isUnsafe && !this.#options.lease.holds()) this.#lapse.wait(id, done);
    else if (confirm === undefined || isUnsafe) this.lessor.keepAlive(id, done);
    else this.lessor.keepAlive(id, confirmed(confirm, done));
  }

  leaseTimeToLive(id: bigint, keys: boolean, done: Done<TimeToLiveResult>): void {
    const call = new TimeToLiveCall(this.#parts, { id, keys, lessor: this.lessor }, done);
    this.#submit(call, this.#admit(0));
  }

  alarm(request: AlarmRequest, done: Done<AlarmResult>): void {
    this.#submit(new AlarmCall(this.#parts, request, done), this.#admit(0));
  }

  /** What only waited for the lease of this node may go on: it has been renewed. */
  leaseRenewed(): void {
    this.writer.release();
    this.#lapse.over((id, done) => this.leaseKeepAlive(id, done));
  }

  /** The epoch is over: what waits is refused, and nothing of it was done. */
  deposed(code: StoreErrorCode): void {
    this.#ended = code;
    this.lessor.stop();
    this.#lapse.end(code);
    this.queue.fail(code);
  }

  /** Refuses what comes, and resolves when all that was accepted has been evaluated. */
  async close(): Promise<void> {
    this.lessor.stop();
    this.#lapse.end('Stopped');
    await this.queue.close();
  }

  #submit(call: WriteCall, refusal: StoreErrorCode | undefined): void {
    if (refusal === undefined) this.queue.submit(call);
    else call.refuse(refusal);
  }

  /** In etcd's order: too many requests first, then the size. */
  #admit(requestBytes: number): StoreErrorCode | undefined {
    const refusal = this.queue.refusal();
    if (refusal !== undefined) return refusal;
    const isTooLarge = requestBytes + RAFT_ENVELOPE_BYTES > this.#options.limits.requestBytesMax;
    // A commit that the engine refuses for its size would be sent again for ever.
    return isTooLarge || !this.writer.fits(requestBytes) ? 'RequestTooLarge' : undefined;
  }

  #confirm(): StoreErrorCode | undefined {
    if (this.#ended !== undefined) return this.#ended;
    return this.#options.lease.holds() ? undefined : 'Timeout';
  }

  #expire(id: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    const isDue = this.lessor.isExpired.bind(this.lessor);
    const call = new RevokeCall(this.#parts, { id, isDue }, (error) => done(error?.code));
    this.#submit(call, this.#options.lease.holds() ? this.#admit(0) : 'Timeout');
  }
}

/** An answer that leaves only when this node is known to have led after the work. */
function confirmed(
  confirm: NonNullable<StoreOptions['confirm']>,
  done: Done<KeepAliveResult>,
): Done<KeepAliveResult> {
  return (error, result) => {
    if (error !== undefined) return done(error, result);
    confirm((refusal) => {
      if (refusal === undefined) done(undefined, result);
      else done(storeError(refusal), { revision: 0, ttl: 0 });
    });
  };
}

import type { Arena, Cancel, Scheduler } from '../base/index.ts';
import type { KeyIndex } from '../index/index.ts';
import type { Cleaner, Deposition, HistoryReader, LogWriter } from '../log/index.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../wire/index.ts';
import { AlarmCall } from './alarm-call.ts';
import { AutoCompaction } from './auto-compaction.ts';
import { CompactCall } from './compaction.ts';
import { CountMemory } from './count-memory.ts';
import { DeleteRangeCall } from './delete-range.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import { Holds } from './holds.ts';
import type { Held, Hold } from './holds.ts';
import { Housekeeping } from './housekeeping.ts';
import { memberIdOf } from './identity.ts';
import { GrantCall, RevokeCall, TimeToLiveCall } from './lease-calls.ts';
import { Lessor } from './lessor.ts';
import { DEFAULT_LIMITS, RAFT_ENVELOPE_BYTES } from './limits.ts';
import { openLog } from './open.ts';
import type { Opened } from './open.ts';
import type { StoreOptions } from './options.ts';
import { Pins } from './pins.ts';
import { PutCall } from './put.ts';
import { Quota } from './quota.ts';
import { Reader } from './reader.ts';
import type {
  AlarmRequest,
  AlarmResult,
  DeleteRangeResult,
  Done,
  HashKvResult,
  HashResult,
  KeepAliveResult,
  LeaseGrantResult,
  LeasesResult,
  PutResult,
  RangeResult,
  RangeSink,
  RangeStream,
  RevisionResult,
  StoreStatus,
  TimeToLiveResult,
  TxnResult,
} from './results.ts';
import { AlarmType } from './results.ts';
import { Slices } from './slices.ts';
import type { State } from './state.ts';
import type { StoreApi } from './store-api.ts';
import { TxnCall } from './txn.ts';
import { isReadOnly } from './txn-plan.ts';
import { checkDeleteRange, checkPut, checkTxn } from './validate.ts';
import type { WriteParts } from './write-parts.ts';
import { WriteQueue } from './write-queue.ts';
import type { WriteCall } from './write-queue.ts';

const TICK_MS = 500;
const SIZE_TICKS = 10;
const DEFAULT_LEASE_TTL_MIN = 2;

/** What etcd promises, on one log: the calls, validated, put in order, evaluated and answered as etcd does. */
export class Store implements StoreApi {
  readonly index: KeyIndex;
  readonly history: HistoryReader;
  readonly clusterId: bigint;
  readonly epoch: number;
  readonly #options: StoreOptions;
  readonly #state: State;
  readonly #writer: LogWriter;
  readonly #cleaner: Cleaner;
  readonly #scheduler: Scheduler;
  readonly #parts: WriteParts;
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #holds: Holds;
  readonly #lessor: Lessor;
  readonly #housekeeping: Housekeeping;
  readonly #autoCompaction: AutoCompaction;
  readonly #commitListeners: ((revision: number) => void)[] = [];
  readonly #compactListeners: ((compacted: number) => void)[] = [];
  #sizeBytes = 0;
  #isSizing = false;
  #ticks = 0;
  /** Why nothing that needs the leadership is answered any more. */
  #ended: StoreErrorCode | undefined;
  #closing: Promise<void> | undefined;
  #defragmenting: Promise<void> | undefined;
  #cancelTick: Cancel = () => undefined;

  /**
   * Reads the log, takes it over, and serves. Throws LogError when the log is damaged, EngineError when the engine fails,
   * and whatever aborted `options.signal`.
   */
  static async open(options: StoreOptions): Promise<Store> {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const store = new Store(options, limits, await openLog(options, limits));
    await store.#measure();
    store.#start();
    return store;
  }

  private constructor(options: StoreOptions, limits: WriteParts['limits'], opened: Opened) {
    const { clock, scheduler, logger } = options;
    const { state, writer, cleaner, history } = opened;
    this.#options = options;
    this.#state = state;
    this.#writer = writer;
    this.#cleaner = cleaner;
    this.#scheduler = scheduler;
    this.index = state.index;
    this.history = history;
    this.clusterId = state.clusterId;
    this.epoch = writer.epoch;
    const slices = new Slices({ clock, scheduler, logger, unitsMax: limits.sliceUnitsMax });
    const released = (revision: number): void => this.#housekeeping.released(revision);
    const pins = new Pins({ index: state.index, clock, limits, released });
    this.#holds = new Holds({ clock, segments: state.segments, limits });
    const member = this.memberId(options.name);
    const quota = new Quota({ state, writer: () => writer, member, bytesMax: options.quotaBytes ?? 0 });
    const { index, segments } = state;
    const read = { state, index, segments, history, budget: slices.budget, clock, logger };
    const counts = new CountMemory(limits.countsRememberedMax);
    const later = (run: () => void): void => scheduler.soon(run);
    this.#parts = { ...read, counts, writer, limits, pins, quota, later };
    this.#queue = new WriteQueue({ writer: () => writer, clock, scheduler, slices, limits });
    const confirm = (): StoreErrorCode | undefined => this.#confirm();
    this.#reader = new Reader({
      ...{ parts: this.#parts, slices, scheduler, pins, limits, confirm },
      holds: this.#holds,
    });
    const revoke = (id: bigint, done: (refusal: StoreErrorCode | undefined) => void): void =>
      this.#expire(id, done);
    this.#lessor = new Lessor({ state, clock, scheduler, logger, limits, revoke });
    this.#housekeeping = new Housekeeping({ state, slices, scheduler, logger, pins, cleaner: () => cleaner });
    state.listener = {
      committed: (revision) => this.#committed(revision),
      compacted: (revision) => this.#compacted(revision),
      leaseGranted: (lease) => this.#lessor.granted(lease),
      leaseRevoked: (lease) => this.#lessor.revoked(lease),
      deposed: (why) => this.#fail(why),
    };
    this.#autoCompaction = new AutoCompaction(options.autoCompaction ?? { mode: 'off' }, {
      target: {
        current: () => this.revision,
        compact: (revision, done) => this.compact({ revision, physical: false }, done),
      },
      ...{ clock, scheduler, logger },
    });
  }

  get sequence(): number {
    return this.#state.sequence;
  }
  get revision(): number {
    return this.#state.revision;
  }
  get compacted(): number {
    return this.#state.compacted;
  }
  /** The segments that the index refers to. */
  get arena(): Pick<Arena, 'bytes'> {
    return this.#state.segments;
  }

  memberId(name: string): bigint {
    return memberIdOf(this.#state.clusterId, name);
  }

  range(request: RangeRequest, done: Done<RangeResult>): void {
    this.#reader.range(request, done);
  }

  rangeStream(request: RangeRequest, sink: RangeSink): RangeStream {
    return this.#reader.rangeStream(request, sink);
  }

  put(request: PutRequest, requestBytes: number, done: Done<PutResult>): void {
    const refusal = checkPut(request) ?? this.#admit(requestBytes);
    const call = new PutCall(this.#parts, request, requestBytes, done);
    if (refusal === undefined) this.#queue.submit(call);
    else call.refuse(refusal);
  }

  deleteRange(request: DeleteRangeRequest, requestBytes: number, done: Done<DeleteRangeResult>): void {
    const call = new DeleteRangeCall(this.#parts, request, requestBytes, done);
    this.#submit(call, checkDeleteRange(request) ?? this.#admit(requestBytes));
  }

  txn(request: TxnRequest, requestBytes: number, done: Done<TxnResult>): void {
    const refusal = checkTxn(request, this.#parts.limits.txnOpsMax);
    if (refusal === undefined && isReadOnly(request)) return this.#reader.txn(request, done);
    const call = new TxnCall(this.#parts, request, requestBytes, done);
    this.#submit(call, refusal ?? this.#admit(requestBytes));
  }

  hold(held: Held): Hold {
    return this.#holds.hold(held);
  }

  compact(request: CompactionRequest, done: Done<RevisionResult>): void {
    const whenCleaned = (run: () => void): void => this.#housekeeping.whenCleaned(run);
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
    const refusal = this.#confirm();
    if (refusal === undefined) this.#lessor.keepAlive(id, done);
    else done(storeError(refusal), { revision: 0, ttl: 0 });
  }

  leaseTimeToLive(id: bigint, keys: boolean, done: Done<TimeToLiveResult>): void {
    const call = new TimeToLiveCall(this.#parts, { id, keys, lessor: this.#lessor }, done);
    this.#submit(call, this.#admit(0));
  }

  leaseLeases(done: Done<LeasesResult>): void {
    this.#reader.leases(done);
  }

  alarm(request: AlarmRequest, done: Done<AlarmResult>): void {
    this.#submit(new AlarmCall(this.#parts, request, done), this.#admit(0));
  }

  hashKv(revision: number, done: Done<HashKvResult>): void {
    this.#reader.hashKv(revision, done);
  }

  /** etcd's covers its whole file; this one covers the whole history that is kept, leases and alarms. */
  hash(done: Done<HashResult>): void {
    this.#reader.hashKv(0, (error, result) => {
      if (error !== undefined) return done(error, { revision: 0, hash: 0 });
      done(undefined, { revision: result.revision, hash: (result.hash ^ this.#state.digest()) >>> 0 });
    });
  }

  status(): StoreStatus {
    const { index, segments, alarms, leases } = this.#state;
    return {
      revision: this.revision,
      compacted: this.compacted,
      sequence: this.sequence,
      epoch: this.epoch,
      sizeBytes: this.#sizeBytes,
      inUseBytes: this.#parts.quota.usedBytes,
      quotaBytes: this.#parts.quota.bytesMax,
      keys: index.keyCount,
      leases: leases.count,
      alarms: alarms.list(AlarmType.none),
      refusal: this.#queue.refusal(),
      proposedBytes: this.#queue.bytes,
      memoryBytes: index.memoryBytes() + segments.bytesTotal,
      answersUnderWay: this.#holds.count,
    };
  }

  /**
   * Gives all space back that can be: cleans the log, then compacts the engine. Serving goes on. One at a time: who asks
   * meanwhile gets the same.
   */
  defragment(): Promise<void> {
    return (this.#defragmenting ??= this.#defragment().finally(() => (this.#defragmenting = undefined)));
  }

  async #defragment(): Promise<void> {
    this.#cleaner.demand();
    await new Promise<void>((resolve) => this.#housekeeping.whenCleaned(resolve));
    await this.#options.engine.compact();
    await this.#measure();
  }

  onCommit(listener: (revision: number) => void): void {
    this.#commitListeners.push(listener);
  }

  onCompact(listener: (compacted: number) => void): void {
    this.#compactListeners.push(listener);
  }

  /** Refuses what comes, and ends when all that was accepted has been answered. The engine stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#autoCompaction.stop();
    this.#lessor.stop();
    await this.#queue.close();
    await Promise.all([this.#housekeeping.stop(), this.#writer.stop()]);
    this.#cancelTick();
  }

  #start(): void {
    this.#lessor.start();
    this.#housekeeping.start();
    this.#arm();
  }

  #arm(): void {
    this.#cancelTick = this.#scheduler.after(TICK_MS, () => {
      this.#queue.tick();
      if (++this.#ticks % SIZE_TICKS === 0) void this.#measure();
      this.#arm();
    });
  }

  async #measure(): Promise<void> {
    if (this.#isSizing) return;
    this.#isSizing = true;
    try {
      this.#sizeBytes = await this.#options.engine.sizeBytes();
    } catch (error) {
      // Only a figure: the last one stays.
      this.#options.logger.debug('the engine did not tell its size', { error: String(error) });
    }
    this.#isSizing = false;
  }

  #submit(call: WriteCall, refusal: StoreErrorCode | undefined): void {
    if (refusal === undefined) this.#queue.submit(call);
    else call.refuse(refusal);
  }

  /** In etcd's order: too many requests first, then the size. */
  #admit(requestBytes: number): StoreErrorCode | undefined {
    const refusal = this.#queue.refusal();
    if (refusal !== undefined) return refusal;
    const isTooLarge = requestBytes + RAFT_ENVELOPE_BYTES > this.#parts.limits.requestBytesMax;
    // A commit that the engine refuses for its size would be sent again for ever.
    return isTooLarge || !this.#writer.fits(requestBytes) ? 'RequestTooLarge' : undefined;
  }

  /** Whether an answer that needs the leadership may leave now. */
  #confirm(): StoreErrorCode | undefined {
    if (this.#ended !== undefined) return this.#ended;
    return this.#options.lease.holds() ? undefined : 'Timeout';
  }

  #expire(id: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    const isDue = this.#lessor.isExpired.bind(this.#lessor);
    const call = new RevokeCall(this.#parts, { id, isDue }, (error) => done(error?.code));
    this.#submit(call, this.#options.lease.holds() ? this.#admit(0) : 'Timeout');
  }

  #committed(revision: number): void {
    for (const listener of this.#commitListeners) listener(revision);
    this.#queue.committed();
  }

  #compacted(revision: number): void {
    this.#housekeeping.compacted();
    for (const listener of this.#compactListeners) listener(revision);
  }

  /**
   * A store that has forgotten raises CORRUPT on this node alone: the alarm cannot be written down in it, and what memory
   * holds is more than what is stored.
   */
  #fail(why: Deposition): void {
    const isForgotten = why === 'forgotten';
    this.#ended = isForgotten ? 'Corrupt' : 'LeaderChanged';
    if (isForgotten) this.#state.alarms.set(this.memberId(this.#options.name), AlarmType.corrupt, true);
    this.#autoCompaction.stop();
    this.#lessor.stop();
    this.#queue.fail(this.#ended);
  }
}

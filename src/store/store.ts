import { assert } from '../base/index.ts';
import type { Arena, Cancel, Scheduler } from '../base/index.ts';
import type { KeyIndex } from '../index/index.ts';
import { EMPTY_HEAD, encodeHead } from '../log/index.ts';
import type { CommittedChunk, Deposition, HistoryReader } from '../log/index.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../wire/index.ts';
import { AutoCompaction } from './auto-compaction.ts';
import type { StoreErrorCode } from './errors.ts';
import { every } from './every.ts';
import { fail } from './fail.ts';
import { GatedReads } from './gated-reads.ts';
import type { Held, Hold } from './holds.ts';
import { Housekeeping } from './housekeeping.ts';
import { memberIdOf } from './identity.ts';
import { Leader } from './leader.ts';
import type { StoreLimits } from './limits.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { OpenLog } from './open.ts';
import type { StoreOptions } from './options.ts';
import { ReadSide } from './read-side.ts';
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
import { AlarmAction, AlarmType } from './results.ts';
import { Shown } from './shown.ts';
import { Size } from './size.ts';
import type { State } from './state.ts';
import type { StoreApi } from './store-api.ts';
import { isReadOnly } from './txn-plan.ts';
import { checkTxn } from './validate.ts';

const TICK_MS = 500;
const SIZE_MS = 5000;
/** Where the keys begin. */
const FIRST = new Uint8Array(0);
/** What a store takes in which there is nothing. In etcd, too, it is something: who divides by it may do so. */
const HEAD_BYTES = encodeHead(EMPTY_HEAD).length;

/**
 * What etcd promises, on one log: the calls, validated, put in order, evaluated and answered as etcd does.
 *
 * A store follows the log, or leads it for one epoch, and changes from one to the other as often as it is told to. It
 * reads in both roles; writes, and what depends on the time of leases, need the lead.
 */
export class Store implements StoreApi {
  readonly index: KeyIndex;
  readonly history: HistoryReader;
  readonly #options: StoreOptions;
  readonly #limits: StoreLimits;
  readonly #log: OpenLog;
  readonly #state: State;
  readonly #scheduler: Scheduler;
  readonly #side: ReadSide;
  readonly #reads: GatedReads;
  readonly #shown: Shown;
  readonly #housekeeping: Housekeeping;
  readonly #commitListeners: ((revision: number, chunks: readonly CommittedChunk[]) => void)[] = [];
  readonly #deposedListeners: ((why: Deposition) => void)[] = [];
  readonly #compactListeners: ((compacted: number) => void)[] = [];
  #leader: Leader | undefined;
  /** Why a store that has led does so no more. */
  #ended: StoreErrorCode | undefined;
  /** Leaders that were deposed, and may still be settling their last commit. */
  readonly #former = new Set<Promise<void>>();
  readonly #size: Size;
  #closing: Promise<void> | undefined;
  #defragmenting: Promise<void> | undefined;
  readonly #cancels: Cancel[] = [];

  /**
   * Reads the log, takes it over, and serves. Throws LogError when the log is damaged, EngineError when the engine fails,
   * and whatever aborted `options.signal`.
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = await Store.follow(options);
    await store.lead();
    return store;
  }

  /** Reads the log, and follows. Throws as `open` does. */
  static async follow(options: StoreOptions): Promise<Store> {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const log = new OpenLog(options, limits);
    await log.read();
    const store = new Store(options, limits, log);
    const measured = store.#size.measure();
    // An engine that others share may have to read everything to tell its size.
    if (!options.engine.capabilities.shared) await measured;
    store.#start();
    return store;
  }

  private constructor(options: StoreOptions, limits: StoreLimits, log: OpenLog) {
    const { clock, scheduler, logger } = options;
    const { state, history } = log;
    this.#options = options;
    this.#limits = limits;
    this.#log = log;
    this.#state = state;
    this.#scheduler = scheduler;
    this.#size = new Size(options.engine, logger);
    this.#shown = new Shown(state);
    this.index = state.index;
    this.history = history;
    const released = (revision: number): void => this.#housekeeping.released(revision);
    this.#side = new ReadSide({ clock, scheduler, logger, log, limits, released });
    const { slices, pins, reader } = this.#side;
    this.#reads = new GatedReads({
      ...{ reader, scheduler, readIndex: options.readIndex },
      confirm: () => this.#leader?.confirm,
      isReadable: () => this.readable,
      refusal: () => this.#refusal(),
      isCorrupt: () => this.#ended === 'Corrupt',
    });
    this.#housekeeping = new Housekeeping({
      ...{ state, slices, scheduler, logger, pins },
      cleaner: () => this.#leader?.cleaner,
    });
    state.listener = {
      committed: (revision, chunks) => this.#committed(revision, chunks),
      compacted: (revision) => this.#compacted(revision),
      leaseGranted: (lease) => this.#leader?.lessor.granted(lease),
      leaseRevoked: (lease) => this.#leader?.lessor.revoked(lease),
      deposed: (why) => this.#deposed(why),
    };
  }

  get clusterId(): bigint {
    return this.#state.clusterId;
  }
  get epoch(): number {
    return this.#state.epoch;
  }
  get sequence(): number {
    return this.#state.sequence;
  }
  /** The last that may be shown. */
  get revision(): number {
    return this.#shown.revision;
  }
  /** The last compaction that has taken effect: not one above all that may be shown. */
  get compacted(): number {
    return this.#state.takenAway;
  }
  /** The segments that the index refers to. */
  get arena(): Pick<Arena, 'bytes'> {
    return this.#state.segments;
  }

  memberId(name: string): bigint {
    return memberIdOf(this.#state.clusterId, name);
  }

  // ---- Roles

  /** Whether this node leads, and nobody has taken the lead from it as far as it knows. */
  get leads(): boolean {
    return this.#leader !== undefined;
  }

  /** Whether the state may be shown: it is one that was, and a leader has announced it. */
  get readable(): boolean {
    if (this.#leader !== undefined) return true;
    return this.#shown.isAll && this.sequence >= this.#state.wholeFrom;
  }

  /**
   * Takes the log over, with `epoch` or else the next one. Resolves to whether this node leads now: not when a higher epoch
   * has begun. Throws LogError and EngineError; what was read by then stays.
   */
  async lead(epoch?: number): Promise<boolean> {
    assert(this.#leader === undefined, 'a leader is made of a follower');
    const taken = await this.#log.takeOver(epoch);
    // The writer may have been deposed while it began.
    if (taken?.writer.leading !== true) return false;
    const { clock, scheduler, random, logger, lease, leaseTtlMin, name } = this.#options;
    const { confirm, faults } = this.#options;
    const { parts: read, pins, slices } = this.#side;
    this.#leader = new Leader({
      ...taken,
      ...{ clock, scheduler, random, logger, lease, confirm, leaseTtlMin, faults },
      ...{ read, pins, slices, limits: this.#limits },
      member: this.memberId(name),
      quotaBytes: this.#options.quotaBytes ?? 0,
      whenCleaned: (run) => this.#housekeeping.whenCleaned(run),
    });
    this.announce(Infinity);
    this.#leader.start();
    this.#housekeeping.compacted();
    return true;
  }

  /** Another has the lead, or may have: all that is proposed and not committed is taken back, and this node follows. */
  depose(): void {
    this.#leader?.writer.depose();
  }

  /** A leader that holds its lease has said that everything up to `sequence` is committed. */
  announce(sequence: number): void {
    if (this.#shown.announce(sequence)) this.#show(this.#state.revision, []);
  }

  /** What is stored lacks or contradicts what is applied here, or is damaged: this node raises CORRUPT, and writes no more. */
  raiseCorrupt(): void {
    if (this.#leader !== undefined) this.#leader.writer.depose();
    this.#raiseCorrupt();
  }

  /** Applies a whole commit that a leader has announced. What was applied already may come again. */
  apply(chunks: readonly CommittedChunk[]): void {
    assert(this.#leader === undefined, 'a leader knows what it commits');
    this.#log.apply(chunks);
  }

  /**
   * Applies from the engine what a leader has announced up to `sequence`. Throws LogError, `log-swept` among others when
   * only a new store can go on, and EngineError.
   */
  async catchUp(sequence: number): Promise<void> {
    assert(this.#leader === undefined, 'a leader knows what it commits');
    this.announce(sequence);
    await this.#log.read(sequence);
  }

  /** Answers that only wait for the leader's lease may leave: it has been renewed. */
  leaseRenewed(): void {
    this.#leader?.leaseRenewed();
  }

  // ---- Reads

  range(request: RangeRequest, done: Done<RangeResult>): void {
    this.#reads.range(request, done);
  }

  rangeStream(request: RangeRequest, sink: RangeSink): RangeStream {
    return this.#reads.rangeStream(request, sink);
  }

  hold(held: Held): Hold {
    return this.#side.holds.hold(held);
  }

  hashKv(revision: number, done: Done<HashKvResult>): void {
    this.#reads.hashKv(revision, done);
  }

  hash(done: Done<HashResult>): void {
    this.#reads.hash(done);
  }

  leaseLeases(done: Done<LeasesResult>): void {
    this.#reads.leases(done);
  }

  // ---- Writes, and what depends on the time of leases

  put(request: PutRequest, requestBytes: number, done: Done<PutResult>): void {
    this.#leaderFor(done)?.put(request, requestBytes, done);
  }

  deleteRange(request: DeleteRangeRequest, requestBytes: number, done: Done<DeleteRangeResult>): void {
    this.#leaderFor(done)?.deleteRange(request, requestBytes, done);
  }

  txn(request: TxnRequest, requestBytes: number, done: Done<TxnResult>): void {
    const refusal = checkTxn(request, this.#limits.txnOpsMax);
    if (refusal === undefined && isReadOnly(request)) this.#reads.txn(request, done);
    else this.#leaderFor(done)?.txn(request, { requestBytes, refusal }, done);
  }

  compact(request: CompactionRequest, done: Done<RevisionResult>): void {
    this.#leaderFor(done)?.compact(request, done);
  }

  leaseGrant(request: LeaseGrantRequest, done: Done<LeaseGrantResult>): void {
    this.#leaderFor(done)?.leaseGrant(request, done);
  }

  leaseRevoke(id: bigint, done: Done<RevisionResult>): void {
    this.#leaderFor(done)?.leaseRevoke(id, done);
  }

  leaseKeepAlive(id: bigint, done: Done<KeepAliveResult>): void {
    this.#leaderFor(done)?.leaseKeepAlive(id, done);
  }

  leaseTimeToLive(id: bigint, keys: boolean, done: Done<TimeToLiveResult>): void {
    this.#leaderFor(done)?.leaseTimeToLive(id, keys, done);
  }

  /** Served by the leader; but what is corrupt here is known here alone. */
  alarm(request: AlarmRequest, done: Done<AlarmResult>): void {
    if (this.#ended !== 'Corrupt' || request.action !== AlarmAction.get)
      return this.#leaderFor(done)?.alarm(request, done);
    const result = { revision: this.revision, alarms: this.#state.alarms.list(request.alarm) };
    this.#scheduler.soon(() => done(undefined, result));
  }

  // ---- The whole

  status(): StoreStatus {
    const { index, segments, alarms, leases, operations } = this.#state;
    const queue = this.#leader?.queue;
    const inUseBytes = HEAD_BYTES + this.#state.neededBytes;
    // What others have written, an engine that does not tell its size has measured long ago: it is stored all the same.
    const { shared } = this.#options.engine.capabilities;
    return {
      revision: this.revision,
      compacted: this.compacted,
      sequence: this.sequence,
      epoch: this.epoch,
      sizeBytes: shared ? Math.max(this.#size.bytes, inUseBytes) : this.#size.bytes,
      inUseBytes,
      quotaBytes: Math.max(0, this.#options.quotaBytes ?? 0),
      keys: index.keyCount,
      liveKeys: index.countNewest(FIRST, undefined),
      leases: leases.count,
      alarms: alarms.list(AlarmType.none),
      refusal: queue === undefined ? this.#refusal() : queue.refusal(),
      proposedBytes: queue?.bytes ?? 0,
      memoryBytes: index.memoryBytes() + segments.bytesTotal,
      answersUnderWay: this.#side.holds.count,
      operations,
    };
  }

  /**
   * Gives all space back that can be: cleans the log where this node leads, then compacts the engine. Serving goes on. One
   * at a time: who asks meanwhile gets the same.
   */
  defragment(): Promise<void> {
    return (this.#defragmenting ??= this.#defragment().finally(() => (this.#defragmenting = undefined)));
  }

  async #defragment(): Promise<void> {
    this.#leader?.cleaner.demand();
    await new Promise<void>((resolve) => this.#housekeeping.whenCleaned(resolve));
    await this.#options.engine.compact();
    await this.#size.measure();
  }

  onCommit(listener: (revision: number, chunks: readonly CommittedChunk[]) => void): void {
    this.#commitListeners.push(listener);
  }

  /** `listener` learns that this node leads no more, after it has taken back what was proposed and before its calls end. */
  onDeposed(listener: (why: Deposition) => void): void {
    this.#deposedListeners.push(listener);
  }

  onCompact(listener: (compacted: number) => void): void {
    this.#compactListeners.push(listener);
  }

  /** Refuses what comes, and ends when all that was accepted has been answered. The engine stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const leader = this.#leader;
    await leader?.close();
    await Promise.all([this.#housekeeping.stop(), leader?.writer.stop(), ...this.#former]);
    for (const cancel of this.#cancels) cancel();
  }

  #start(): void {
    this.#housekeeping.start();
    const autoCompaction = this.#autoCompaction();
    this.#cancels.push(
      () => autoCompaction.stop(),
      every(this.#scheduler, TICK_MS, () => this.#leader?.queue.tick()),
      every(this.#scheduler, SIZE_MS, () => void this.#size.measure()),
    );
  }

  #autoCompaction(): AutoCompaction {
    const { clock, scheduler, logger, autoCompaction = { mode: 'off' } } = this.#options;
    return new AutoCompaction(autoCompaction, {
      target: {
        current: () => this.revision,
        isPaused: () => this.#leader === undefined || this.#closing !== undefined,
        compact: (revision, done) => this.compact({ revision, physical: false }, done),
      },
      ...{ clock, scheduler, logger },
    });
  }

  /** Why a call that needs the lead is refused here. */
  #refusal(): StoreErrorCode {
    if (this.#closing !== undefined) return 'Stopped';
    return this.#ended ?? 'NoLeader';
  }

  /** The leader, if this node leads; else the call is refused. Answers of the write path never come before it has returned. */
  #leaderFor<T>(done: Done<T>): Leader | undefined {
    if (this.#leader === undefined) {
      const refusal = this.#refusal();
      this.#scheduler.soon(() => fail(done, refusal));
    }
    return this.#leader;
  }

  /** What a take-over has found, and nobody announced, is not shown before the epoch has begun. */
  #committed(revision: number, chunks: readonly CommittedChunk[]): void {
    if (this.#shown.applied(this.sequence)) this.#show(revision, chunks);
  }

  #show(revision: number, chunks: readonly CommittedChunk[]): void {
    this.#shown.show(revision);
    for (const listener of this.#commitListeners) listener(revision, chunks);
    this.#state.takeAway();
    this.#leader?.queue.committed();
  }

  #compacted(revision: number): void {
    this.#housekeeping.compacted();
    for (const listener of this.#compactListeners) listener(revision);
  }

  #deposed(why: Deposition): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    this.#ended = 'LeaderChanged';
    if (why === 'forgotten') this.#raiseCorrupt();
    this.#leader = undefined;
    this.#shown.deposed(this.sequence);
    leader.deposed(this.#ended);
    const ending = leader.writer.stop().finally(() => this.#former.delete(ending));
    this.#former.add(ending);
    for (const listener of this.#deposedListeners) listener(why);
  }

  /** On this node alone: it cannot be written down in what is corrupt, and memory holds more than what is stored. */
  #raiseCorrupt(): void {
    this.#ended = 'Corrupt';
    this.#state.alarms.set(this.memberId(this.#options.name), AlarmType.corrupt, true);
  }
}

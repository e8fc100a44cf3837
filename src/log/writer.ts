import { assert } from '../base/index.ts';
import type { Cancel } from '../base/index.ts';
import type { Write } from '../engine/index.ts';
import { CHUNK_FORMATS, CHUNK_HEADER_LENGTH } from './chunk.ts';
import type { ChunkFormats } from './chunk.ts';
import { LogError } from './errors.ts';
import { NO_FAULTS, planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import { composeCommit, mapGroup } from './group-commit.ts';
import { Group } from './group.ts';
import type { Head } from './head.ts';
import { LOG_LIMITS } from './limits.ts';
import type { LogLimits } from './limits.ts';
import { LogHead } from './log-head.ts';
import { Proposals } from './proposals.ts';
import type { Record, RecordKind } from './records.ts';
import { Settler } from './settler.ts';
import type { Doubt, Settlement } from './settler.ts';
import type { Deposition, Waiter } from './target.ts';
import type { LogWriterOptions, TakeOver } from './writer-options.ts';

/**
 * `new` -> start -> `leading` -> stop -> `stopping` -> `over`; and `over` from anywhere, once the epoch has been lost.
 */
type WriterState = 'new' | 'leading' | 'stopping' | 'over';

/** Waiters are looked through so often for those who have waited too long. */
const TICK_MS = 250;
/** The most that an entry takes on top of its key and value: its header, and the fields of a key-value. */
const ENTRY_OVERHEAD_BYTES_MAX = 96;

const NOBODY: Waiter = { settled: () => undefined };

/**
 * One epoch's right to append. Group commit, settling of doubt, answers in order.
 *
 * 1. One commit is under way at a time. It replaces the head, on condition that its bytes are as this writer left them.
 * 2. A group is one commit.
 * 3. Alone, a proposal is sent at the end of the turn it was sealed in; else with all that came during the commit before.
 * 4. Waiters are told in the order in which they came; the listener is told of a commit before any waiter of it. The
 *    next commit is sent before the waiters of the last are told, so that the engine works while they are answered.
 * 5. Who has written nothing is told only while the lease holds. Who has, also without: what is in the log is in it.
 */
export class LogWriter {
  readonly epoch: number;
  readonly #options: LogWriterOptions;
  readonly #limits: LogLimits;
  readonly #faults: LogFaults;
  readonly #formats: ChunkFormats;
  readonly #settler: Settler;
  readonly #proposals: Proposals;
  readonly #head: LogHead;
  #state: WriterState = 'new';
  /** Committed; those who wait for them are being told, or wait for the lease. */
  #ready: Group[] = [];
  #cleaning: { readonly writes: readonly Write[]; readonly done: (committed: boolean) => void } | undefined;
  #groupsPassed = 0;
  #isBusy = false;
  #isStarting = false;
  #isReleasing = false;
  #isReleaseDue = false;
  #tick = 0;
  #cancelTick: Cancel | undefined;
  #idle: (() => void)[] = [];

  constructor(options: LogWriterOptions) {
    this.#options = options;
    const limits = { ...LOG_LIMITS, ...options.limits };
    const { commitBytesMax } = options.engine.capabilities;
    this.#limits = { ...limits, groupBytesMax: Math.min(limits.groupBytesMax, commitBytesMax / 8) };
    this.#faults = options.faults ?? NO_FAULTS;
    this.#formats = options.formats ?? CHUNK_FORMATS;
    this.epoch = options.epoch;
    this.#proposals = new Proposals(options.arena, options.head.revision);
    this.#settler = new Settler({
      ...options,
      limits: this.#limits,
      faults: this.#faults,
      knows: this.#formats.knows,
    });
    this.#head = new LogHead(options, this.#settler, this.#faults);
  }

  /** The head as this writer last left it. */
  get head(): Head {
    return this.#head.head;
  }

  /** From the end of a take-over until the epoch is over or `stop` was called. Only then may anything be appended. */
  get leading(): boolean {
    return this.#state === 'leading';
  }

  /** The last revision that was proposed; the next write takes the one after. */
  get proposedRevision(): number {
    return this.#proposals.revision;
  }

  /** Bytes of entries that are not committed yet. The caller bounds them. */
  get proposedBytes(): number {
    return this.#proposals.bytes;
  }

  /** Set while a commit that did not get through is being sent again. */
  get doubt(): Doubt | undefined {
    return this.#settler.doubt;
  }

  /** Where the body of the last `put` or `remove` lies. Valid until the next append. */
  get segment(): number {
    return this.#proposals.segment;
  }
  get bodyOffset(): number {
    return this.#proposals.bodyOffset;
  }
  get bodyLength(): number {
    return this.#proposals.bodyLength;
  }

  // ---- Take-over and end

  /**
   * Commits the epoch entry, in an empty log behind the cluster entry. Call it once. Throws LogError `log-forgotten`.
   */
  async start(): Promise<TakeOver> {
    assert(this.#state === 'new', 'a writer is started once');
    if (this.head.epoch >= this.epoch) return this.#failTakeOver('deposed');
    const proposals = this.#proposals;
    if (this.head.sequence === 0)
      proposals.record({ kind: 'cluster', clusterId: this.#options.random.next63() });
    proposals.record({ kind: 'epoch', epoch: this.epoch });
    proposals.seal(NOBODY, this.#tick);
    const first = proposals.next();
    assert(first !== undefined, 'an epoch begins with its entry');
    this.#isBusy = true;
    const outcome = await this.#commitGroup(first);
    this.release();
    this.#isBusy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
    // `stop` and `depose` may have come meanwhile, and so may proposals.
    if (proposals.openBytes > 0) this.#startSoon();
    if (outcome === 'committed') return this.#isIn('over') ? 'deposed' : 'leading';
    if (outcome === 'forgotten') {
      this.#state = 'over';
      throw new LogError(
        'log-forgotten',
        'Cannot take over the log: the store lacks or contradicts what it has just shown (was a backup restored under it?)',
      );
    }
    if (outcome === 'lost' && !(await this.#head.isOutrun())) return this.#failTakeOver('behind');
    return this.#failTakeOver('deposed');
  }

  /** Another has the lease, or a chunk of a higher epoch has come. What is under way is answered once it is settled. */
  depose(): void {
    this.#end(undefined);
  }

  /**
   * Refuses new proposals, commits what there is, and tells its waiters. What is not settled after `requestTimeoutMs` is
   * given up. Resolves when nothing is under way any more.
   */
  async stop(): Promise<void> {
    if (this.#state === 'new') this.#state = 'over';
    if (this.#state === 'leading') this.#state = 'stopping';
    const cancel = this.#options.scheduler.after(this.#limits.requestTimeoutMs, () => this.#settler.stop());
    while (this.#isBusy || this.#isStarting) await new Promise<void>((resolve) => this.#idle.push(resolve));
    cancel();
    this.#settler.stop();
    this.#end(undefined);
    this.#cancelTick?.();
  }

  // ---- Proposing

  /**
   * Whether a proposal of `entries` entries, whose keys and values are `bytes` together, can be committed at all. To be
   * asked before anything of it is appended, when it may be larger than the bound of a request.
   */
  fits(bytes: number, entries = 1): boolean {
    const overhead = this.#limits.groupBytesMax * 2 + CHUNK_HEADER_LENGTH;
    const most = this.#options.engine.capabilities.commitBytesMax - overhead;
    return bytes + entries * ENTRY_OVERHEAD_BYTES_MAX <= most;
  }

  /**
   * What was sealed so far is committed without waiting for the next proposal: to be called before one that is appended
   * over several turns.
   */
  separate(): void {
    this.#proposals.separate();
  }

  /**
   * Appends a put. Evaluation has succeeded already: nothing here can be refused. Then `segment`, `bodyOffset` and
   * `bodyLength` say where its key-value lies.
   */
  put(
    revision: number,
    sub: number,
    key: Uint8Array,
    createRevision: number,
    version: number,
    value: Uint8Array,
    lease: bigint,
  ): void {
    assert(this.#state === 'leading', 'only a leader appends');
    this.#proposals.put(revision, sub, key, createRevision, version, value, lease);
  }

  /** Appends a deletion; then as after `put`. */
  remove(revision: number, sub: number, key: Uint8Array): void {
    assert(this.#state === 'leading', 'only a leader appends');
    this.#proposals.remove(revision, sub, key);
  }

  /** Appends an entry that changes state when it is committed, not before. */
  record(record: Record): void {
    assert(this.#state === 'leading', 'only a leader appends');
    this.#proposals.record(record);
  }

  /** Ends the proposal. `waiter` is told when all of it, and all before it, is committed. */
  seal(waiter: Waiter): void {
    this.#proposals.seal(waiter, this.#tick);
    if (this.#cancelTick === undefined) this.#armTick();
    if (this.#proposals.openBytes >= this.#limits.groupBytesMax) this.#proposals.separate();
    if (!this.#isBusy && !this.#isStarting) this.#startSoon();
  }

  /** `waiter` wrote nothing, but was judged on what is proposed: it is told when that is committed and the lease holds. */
  barrier(waiter: Waiter): void {
    if (this.#state === 'over' || planted(this.#faults, 'early-failed-compare')) {
      const outcome = this.#state === 'over' ? 'leader-changed' : 'committed';
      return queueMicrotask(() => waiter.settled(outcome));
    }
    if (this.#cancelTick === undefined) this.#armTick();
    const group = this.#proposals.last;
    if (group !== undefined) return group.wait(waiter, this.#tick, false);
    if (this.#ready.length === 0) this.#ready.push(new Group());
    this.#ready.at(-1)?.wait(waiter, this.#tick, false);
    if (this.#isReleaseDue) return;
    this.#isReleaseDue = true;
    queueMicrotask(() => {
      this.#isReleaseDue = false;
      this.release();
    });
  }

  /** Whether an entry of this kind is proposed and not committed: it has not changed any state yet. */
  hasPending(kind: RecordKind): boolean {
    return this.#proposals.has(kind);
  }

  /** The entries that are proposed and not committed, in order. */
  pendingRecords(): Iterable<Record> {
    return this.#proposals.records();
  }

  // ---- For the lease and for the cleaner

  /** Tells those whose commit is known and who waited for the lease. To be called when it has been renewed. */
  release(): void {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    while (this.#ready.length > 0 && this.#ready[0]!.acknowledge(this.#options.lease)) this.#ready.shift();
    this.#isReleasing = false;
  }

  /**
   * Replaces chunks, as one commit that appends nothing, when no client's group waits or enough of them have gone first.
   * Resolves to whether it was committed; if not, the epoch is over. One at a time.
   */
  commitCleaning(writes: readonly Write[]): Promise<boolean> {
    assert(this.#cleaning === undefined, 'one cleaning is committed at a time');
    if (this.#state !== 'leading') return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#cleaning = { writes, done: resolve };
      this.#groupsPassed = 0;
      if (!this.#isBusy && !this.#isStarting) this.#startSoon();
    });
  }

  // ---- Inside

  #isIn(state: WriterState): boolean {
    return this.#state === state;
  }

  #startSoon(): void {
    this.#isStarting = true;
    queueMicrotask(() => {
      this.#isStarting = false;
      void this.#pump();
    });
  }

  /** Commits groups and cleanings, one at a time, until there is nothing to commit. A failure in here ends the process. */
  async #pump(): Promise<void> {
    assert(!this.#isBusy, 'one commit is under way at a time');
    this.#isBusy = true;
    let underWay = this.#commitNext();
    while (underWay !== undefined) {
      await underWay;
      underWay = this.#commitNext();
      this.release();
    }
    this.#isBusy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Sends the next commit, before it returns. Undefined: there is nothing to commit. */
  #commitNext(): Promise<unknown> | undefined {
    if (this.#state === 'over') return undefined;
    const cleaning = this.#cleaning;
    const mustClean = cleaning !== undefined && this.#groupsPassed >= this.#limits.cleaningPassedMax;
    const group = mustClean ? undefined : this.#proposals.next();
    if (group !== undefined) {
      this.#groupsPassed++;
      return this.#commitGroup(group);
    }
    if (cleaning === undefined) return undefined;
    this.#cleaning = undefined;
    return this.#commitCleaning(cleaning.writes).then(cleaning.done);
  }

  async #commitGroup(group: Group): Promise<Settlement> {
    const before = this.#head.head;
    const { keys, listener, map } = this.#options;
    const commit = this.#head.nextCommit;
    const { knows, writes } = this.#formats;
    const format = writes();
    assert(format <= knows, 'what is written can be read');
    const composed = composeCommit(group, before, { format, epoch: this.epoch, commit, keys });
    const isEarly = planted(this.#faults, 'publish-before-commit');
    this.#proposals.sent(group);
    if (isEarly) listener.committed(composed.commit);
    const outcome = await this.#head.replace(composed.next, composed.writes);
    this.#proposals.settled(group);
    if (outcome === 'committed' && !this.#isIn('over')) {
      if (this.#state === 'new') this.#state = 'leading';
      mapGroup(map, group, before);
      if (!isEarly) listener.committed(composed.commit);
      this.#ready.push(group);
    } else if (this.#state !== 'new') {
      this.#end({ group, outcome }, outcome === 'forgotten' ? 'forgotten' : 'fenced');
    }
    return outcome;
  }

  async #commitCleaning(writes: readonly Write[]): Promise<boolean> {
    const { head, nextCommit } = this.#head;
    const outcome = await this.#head.replace({ ...head, commit: nextCommit }, writes);
    if (outcome === 'committed') return !this.#isIn('over');
    this.#end(undefined, outcome === 'forgotten' ? 'forgotten' : 'fenced');
    return false;
  }

  /** The epoch is over for this writer. `settled`: the group that was under way, and what became of it. */
  #end(
    settled: { readonly group: Group; readonly outcome: Settlement } | undefined,
    why: Deposition = 'fenced',
  ): void {
    const wasOver = this.#state === 'over';
    const isDone = this.#state === 'stopping' && settled === undefined && this.#proposals.bytes === 0;
    this.#state = 'over';
    if (!wasOver && !isDone) this.#options.listener.deposed(why);
    for (const group of this.#ready.splice(0)) group.tell('committed', 'leader-changed');
    if (settled !== undefined) settled.group.end(settled.outcome);
    if (wasOver) return;
    for (const group of this.#proposals.drop()) group.tell('leader-changed', 'leader-changed');
    const cleaning = this.#cleaning;
    this.#cleaning = undefined;
    cleaning?.done(false);
  }

  #failTakeOver(outcome: 'behind' | 'deposed'): TakeOver {
    this.#state = 'over';
    return outcome;
  }

  #armTick(): void {
    this.#cancelTick = this.#options.scheduler.after(TICK_MS, () => {
      this.#cancelTick = undefined;
      this.#tick++;
      const since = this.#tick - Math.ceil(this.#limits.requestTimeoutMs / TICK_MS) - 1;
      const pending = this.#proposals.groups();
      for (const group of this.#ready) group.expire(since, 'committed');
      for (const group of pending) group.expire(since, 'timed-out');
      if ([...this.#ready, ...pending].some((group) => group.isWaitedFor)) this.#armTick();
    });
  }
}

import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { assert } from '../base/index.ts';
import type { VersionId } from '../index/index.ts';
import { Budget } from './budget.ts';
import { CatchUp } from './catch-up.ts';
import type { CatchUpHost } from './catch-up.ts';
import { Framer } from './framer.ts';
import { Heads } from './heads.ts';
import { DEFAULT_WATCH_LIMITS } from './limits.ts';
import type { WatchLimits } from './limits.ts';
import { Pass } from './pass.ts';
import { Progress } from './progress.ts';
import type { ProgressHost } from './progress.ts';
import { ReadBack } from './read-back.ts';
import type { WatchEnd, WatchSink, WatchSource } from './source.ts';
import { Stream } from './stream.ts';
import type { StreamHost, WatchStream } from './stream.ts';
import { HistoryWalk } from './walk.ts';
import type { Watcher } from './watcher.ts';

export interface WatchHubOptions {
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Default: DEFAULT_WATCH_LIMITS. */
  readonly limits?: Partial<WatchLimits>;
  /** Time between two progress notifications to a quiet watcher, before jitter of up to a tenth. At least 100. */
  readonly progressIntervalMs: number;
}

export interface WatchStats {
  readonly streams: number;
  readonly watchers: number;
  /** Watchers that do not have everything committed. */
  readonly slowWatchers: number;
  /** Since the start. */
  readonly eventsDelivered: number;
  /** Responses that wait for a full transport. */
  readonly responsesWaiting: number;
}

/**
 * All watches of this node. A watcher is a cursor. Those with everything committed stand in the live pass, which matches
 * each newly committed event once and wakes who wants it; the others are brought up by passes of their own (catch-up.ts).
 *
 * Work is done in slices of `sliceMs`: the first one in the turn in which the commit is announced, so that delivery is
 * immediate when it is cheap; the rest in later turns, live events and catching up taking precedence in turn.
 *
 * Invariants, beside those of Pass:
 * 1. A watcher is in exactly one place, its `state`.
 * 2. Nothing is sent on a stream whose transport is full; its watchers stall as events reach them, and cost nothing more.
 * 3. `live.next - 1` is announced as progress only when the live pass is idle.
 */
export class WatchHub implements CatchUpHost, ProgressHost, StreamHost {
  readonly source: WatchSource;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: WatchLimits;
  readonly budget: Budget;
  readonly framer: Framer;
  readonly heads: Heads;
  live: Pass;
  readonly #counters = { watchers: 0, eventsDelivered: 0, responsesWaiting: 0 };
  readonly #catchUp: CatchUp;
  readonly #readBack: ReadBack;
  readonly #progress: Progress;
  readonly #streams = new Set<Stream>();
  /** Streams with stalled watchers that can go on. */
  readonly #resuming = new Set<Stream>();
  /** Closed streams with watchers that have not been taken out yet. */
  readonly #closing = new Set<Stream>();
  #isScheduled = false;
  #isRunning = false;
  #closed: WatchEnd | undefined;
  #turns = 0;

  constructor(options: WatchHubOptions) {
    this.source = options.source;
    this.scheduler = options.scheduler;
    this.random = options.random;
    this.logger = options.logger;
    this.limits = { ...DEFAULT_WATCH_LIMITS, ...options.limits };
    this.budget = new Budget(options.clock, this.limits.sliceMs, this.limits.sliceStepsMax);
    this.framer = new Framer(this.source);
    this.heads = new Heads(this.source);
    this.#catchUp = new CatchUp(this);
    this.#readBack = new ReadBack(this, (pass, isRead) => {
      if (isRead) this.#catchUp.resume(pass);
      else this.#catchUp.fail(pass);
      this.wake();
    });
    this.#progress = new Progress(this, options.progressIntervalMs);
    this.live = this.#newLivePass();
  }

  /** For the streams; `statistics` is for others. */
  get stats(): { watchers: number; eventsDelivered: number; responsesWaiting: number } {
    return this.#counters;
  }

  statistics(): WatchStats {
    let compacted = 0;
    for (const stream of this.#streams) compacted += stream.compactedCount;
    const slowWatchers = Math.max(0, this.#counters.watchers - compacted - this.live.ranges.size);
    return { streams: this.#streams.size, ...this.#counters, slowWatchers };
  }

  /** A new stream. When the hub is closed it is ended at once. */
  open(sink: WatchSink): WatchStream {
    const stream = new Stream(this, sink);
    if (this.#closed !== undefined) stream.fail(this.#closed);
    else this.#streams.add(stream);
    return stream;
  }

  /** Everything up to `revision` is committed and can be read. */
  committed(revision: number): void {
    assert(revision <= this.source.revision(), 'what is announced can be read');
    if (!this.#isScheduled) this.#turn();
  }

  /**
   * Versions that only revisions below `revision` need will be trimmed. To be called before they are. Synced watchers
   * are not affected: what they have not been sent yet is sent now, with its `prev_kv`.
   *
   * A node that follows may learn of a compaction above all that it has applied, from a chunk that was cleaned since: of
   * what comes now up to there, parts are gone. So synced watchers are cancelled as lagging ones are.
   */
  compacted(revision: number): void {
    if (this.live.next <= revision && !this.live.isEmpty) {
      this.budget.startUnbounded();
      this.#stepLive();
      if (this.live.next < revision && !this.live.isEmpty) this.#releaseLive();
    }
    this.framer.compacted = revision;
    // The passes see it when they go on, stalled watchers when they do.
    this.wake();
  }

  /** Ends all streams, and those that are opened later: `replaced`, when another hub takes them. */
  close(code: 'stopped' | 'replaced' = 'stopped'): void {
    this.#closed = { code };
    for (const stream of this.#streams) stream.fail(this.#closed);
  }

  // -- for streams

  admit(stream: Stream, watcher: Watcher): void {
    this.place(watcher, this.source.compacted());
    if (stream.stalled.size > 0) this.ready(stream);
  }

  withdraw(watcher: Watcher): void {
    if (watcher.state === 'stalled') watcher.stream.stalled.delete(watcher);
    else this.#catchUp.remove(watcher);
    watcher.state = 'gone';
  }

  progressRequested(stream: Stream): void {
    this.#progress.request(stream);
  }

  startTicks(stream: Stream): void {
    this.#progress.startTicks(stream);
  }

  ready(stream: Stream): void {
    this.#progress.ready(stream);
    if (stream.stalled.size === 0) return;
    this.#resuming.add(stream);
    this.wake();
  }

  closed(stream: Stream): void {
    this.#streams.delete(stream);
    this.#resuming.delete(stream);
    this.#progress.closed(stream);
    this.#closing.add(stream);
    this.wake();
  }

  // -- for passes

  passOver(watcher: Watcher): void {
    this.#catchUp.remove(watcher);
    this.#stall(watcher);
  }

  read(pass: Pass, versions: readonly VersionId[]): void {
    this.#readBack.read(pass, versions);
  }

  place(watcher: Watcher, lostBelow: number): void {
    const stream = watcher.stream as Stream;
    watcher.state = 'gone';
    if (stream.isClosed) return;
    // A compaction above all that is committed here takes from what those in front will get, too.
    const isAhead = watcher.next > this.live.walked && watcher.next >= this.source.compacted();
    if (isAhead) this.live.add(watcher);
    else if (!stream.isReady) this.#stall(watcher);
    else if (watcher.next < lostBelow) stream.endCompacted(watcher, lostBelow);
    else if (stream.catchingUp >= this.limits.catchingUpPerStreamMax) this.#stall(watcher);
    else this.#catchUp.add(watcher);
    if (this.#catchUp.hasWork) this.wake();
  }

  // -- for progress

  get isSettled(): boolean {
    return this.live.isIdle && !this.#catchUp.isReleasingLive;
  }

  wake(): void {
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    this.scheduler.soon(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  // -- work

  #stall(watcher: Watcher): void {
    const stream = watcher.stream as Stream;
    watcher.state = 'stalled';
    stream.stalled.add(watcher);
    if (stream.isReady) this.#resuming.add(stream);
  }

  #turn(): void {
    this.#isRunning = true;
    this.budget.start();
    const isLiveFirst = this.#turns++ % 2 === 0;
    if (isLiveFirst) this.#stepLiveAndProgress();
    this.#takeOutClosed();
    this.#resumeStalled();
    this.#catchUp.step();
    if (!isLiveFirst) this.#stepLiveAndProgress();
    this.#isRunning = false;
    const isSettled = this.isSettled;
    const hasWork =
      !this.live.isIdle ||
      (isSettled && this.#progress.hasWork) ||
      this.#catchUp.hasWork ||
      this.#closing.size > 0 ||
      this.#hasResumable();
    if (hasWork) this.wake();
  }

  #stepLiveAndProgress(): void {
    this.#stepLive();
    if (this.isSettled && !this.budget.isSpent) this.#progress.step();
  }

  #stepLive(): void {
    // History was trimmed before it could be sent: whoever was synced has lost events and is told so.
    if (this.live.step() === 'lost') this.#releaseLive();
  }

  #releaseLive(): void {
    const overtaken = this.live;
    this.live = this.#newLivePass();
    this.#catchUp.adoptLive(overtaken);
  }

  #newLivePass(): Pass {
    const next = this.source.revision() + 1;
    return new Pass(this, { walk: new HistoryWalk(this.source, next), next, isLive: true });
  }

  #takeOutClosed(): void {
    for (const stream of this.#closing) {
      for (const [id, watcher] of stream.watchers) {
        if (this.budget.isSpent) return;
        this.budget.step();
        stream.watchers.delete(id);
        this.#counters.watchers--;
        this.withdraw(watcher);
      }
      this.#closing.delete(stream);
    }
  }

  #hasResumable(): boolean {
    for (const stream of this.#resuming) if (this.#canResume(stream)) return true;
    return false;
  }

  #canResume(stream: Stream): boolean {
    return (
      stream.isReady && stream.stalled.size > 0 && stream.catchingUp < this.limits.catchingUpPerStreamMax
    );
  }

  /** Streams take turns; each brings as many of its stalled watchers as may catch up at a time. */
  #resumeStalled(): void {
    for (const stream of this.#resuming) {
      while (this.#canResume(stream)) {
        if (this.budget.isSpent) return;
        this.budget.step();
        const [watcher] = stream.stalled;
        if (watcher === undefined) break;
        stream.stalled.delete(watcher);
        this.place(watcher, this.source.compacted());
      }
      if (!stream.isReady || stream.stalled.size === 0) this.#resuming.delete(stream);
    }
  }
}

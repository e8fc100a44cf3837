import type { Bytes, Cancel } from '../base/index.ts';
import { compareBytes } from '../base/index.ts';
import type { WatchCreateRequest, WatchRequest } from '../wire/index.ts';
import { WatchFilter } from '../wire/index.ts';
import type { Heads } from './heads.ts';
import type { WatchLimits } from './limits.ts';
import type { Run } from './run.ts';
import type { WatchEnd, WatchSink, WatchSource } from './source.ts';
import { NO_DELETE, NO_PUT, PREV_KV, Watcher } from './watcher.ts';
import type { Outlet } from './watcher.ts';

/** The watch id of answers that name no watcher. */
const NO_WATCH = -1;
const KEY_LOWEST = Buffer.from([0]);

// etcd's texts (server/storage/mvcc/watcher.go, api/v3rpc/rpctypes), and one of our own.
const RANGE_EMPTY = 'mvcc: watcher range is empty';
const DUPLICATE_ID = 'mvcc: duplicate watch ID provided on the WatchStream';
const COMPACTED = 'etcdserver: mvcc: required revision has been compacted';
const TOO_MANY_WATCHERS = 'etcdserver: too many watchers';

/** One client's watches. The transport feeds it; see WatchSink for the way back. */
export interface WatchStream {
  /**
   * One request. False: responses wait for the full transport; read no further requests until `drained` returns true.
   * (Who reads on all the same is cut off at a bound.)
   */
  receive(request: WatchRequest): boolean;
  /** The transport has room again. The result means the same as that of `receive`. */
  drained(): boolean;
  /** The client is gone. Nothing is sent any more. */
  close(): void;
}

export interface StreamHost {
  readonly source: WatchSource;
  readonly limits: WatchLimits;
  readonly heads: Heads;
  readonly stats: { watchers: number; eventsDelivered: number; responsesWaiting: number };
  /** The watcher is new: lets events reach it. */
  admit(stream: Stream, watcher: Watcher): void;
  /** Takes the watcher out of wherever it is. */
  withdraw(watcher: Watcher): void;
  progressRequested(stream: Stream): void;
  /** The stream has its first watcher that wants progress by the clock. */
  startTicks(stream: Stream): void;
  ready(stream: Stream): void;
  closed(stream: Stream): void;
}

/**
 * Requests of one stream, and the order of its responses. While the transport is full, or the rest of a fragmented
 * response waits, other responses queue behind it and events are not sent at all: their watchers lag.
 */
export class Stream implements WatchStream, Outlet {
  readonly watchers = new Map<number, Watcher>();
  readonly stalled = new Set<Watcher>();
  catchingUp = 0;
  /** Watchers that a compaction ended and that the client has not cancelled. */
  compactedCount = 0;
  /** The watchers that want progress by the clock. */
  readonly notified = new Set<Watcher>();
  cancelTick: Cancel | undefined = undefined;
  isProgressWanted = false;
  isClosed = false;
  readonly #host: StreamHost;
  readonly #sink: WatchSink;
  #isFull = false;
  /** What was being sent when the transport became full, and how often it was sent since. */
  #lastRun: Run | undefined = undefined;
  #sentSinceFull = 0;
  #nextId = 0;
  /** No lower than any watcher's start revision. */
  #startMax = 0;
  #waiting: (readonly Bytes[])[] = [];
  #sent = 0;

  constructor(host: StreamHost, sink: WatchSink) {
    this.#host = host;
    this.#sink = sink;
  }

  get isReady(): boolean {
    return !this.#isFull && !this.isClosed;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Also when full, the watchers that are still to get what others of the stream have just got get it, up to a bound: the
   * transport holds those bytes already. Otherwise they would lag by turns, and what was framed once for all of them
   * would be framed for each.
   */
  takes(run: Run): boolean {
    if (this.isReady) return true;
    if (run !== this.#lastRun || this.isClosed || this.#waitingCount > 0) return false;
    return this.#sentSinceFull < this.#host.limits.sentSinceFullMax;
  }

  /** All watchers have all that is committed and that they want. A stream without any is not synced, as in etcd. */
  isSynced(revision: number): boolean {
    const isBehind = this.catchingUp > 0 || this.stalled.size > 0 || this.compactedCount > 0;
    if (isBehind || this.watchers.size === 0) return false;
    if (this.#startMax > revision) {
      this.#startMax = 0;
      for (const { startRevision } of this.watchers.values()) {
        if (startRevision > this.#startMax) this.#startMax = startRevision;
      }
    }
    return this.#startMax <= revision;
  }

  receive(request: WatchRequest): boolean {
    if (this.isClosed) return true;
    if (request.kind === 'create') this.#create(request.request);
    else if (request.kind === 'cancel') this.#cancel(request.watchId);
    else if (request.kind === 'progress') this.#host.progressRequested(this);
    const { waitingResponsesMax, watchersPerStreamMax } = this.#host.limits;
    if (this.#waitingCount > waitingResponsesMax + watchersPerStreamMax) {
      this.fail({ code: 'too-many-requests' });
    }
    return this.#accepts;
  }

  drained(): boolean {
    if (this.isClosed) return true;
    this.#isFull = false;
    this.#lastRun = undefined;
    this.#sentSinceFull = 0;
    while (this.isReady && this.#waitingCount > 0) {
      const slices = this.#waiting[this.#sent++]!;
      this.#host.stats.responsesWaiting--;
      this.#transmit(slices);
    }
    if (this.#sent === this.#waiting.length) {
      this.#waiting = [];
      this.#sent = 0;
    }
    if (this.isReady) this.#host.ready(this);
    return this.#accepts;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cancelTick?.();
    this.cancelTick = undefined;
    this.#host.stats.responsesWaiting -= this.#waitingCount;
    this.#waiting = [];
    this.#sent = 0;
    this.#lastRun = undefined;
    this.#host.closed(this);
  }

  fail(end: WatchEnd): void {
    if (this.isClosed) return;
    this.close();
    this.#sink.end(end);
  }

  /** A response that is not events: sent now, or in its turn. */
  respond(slices: readonly Bytes[]): void {
    if (this.isClosed) return;
    if (this.isReady) {
      this.#transmit(slices);
      return;
    }
    this.#waiting.push(slices);
    this.#host.stats.responsesWaiting++;
  }

  sendEvents(watcher: Watcher, run: Run, from: number, headerRevision: number): void {
    const { heads, limits, stats } = this.#host;
    stats.eventsDelivered += run.count - from;
    const head = heads.events(watcher.id);
    const isSplit =
      watcher.fragment &&
      run.count - from > 1 &&
      head.length + run.bytes(from, run.count) >= limits.fragmentBytesMin;
    if (!isSplit) {
      if (this.#isFull) this.#sentSinceFull++;
      this.#transmit(run.response(head, from, run.count));
      if (this.#isFull) this.#lastRun = run;
      return;
    }
    const headBefore = heads.other(headerRevision, { watchId: watcher.id, fragment: true });
    for (let start = from; start < run.count;) {
      let end = start + 1;
      while (end < run.count && headBefore.length + run.bytes(start, end + 1) < limits.fragmentBytesMin)
        end++;
      this.respond(run.response(end === run.count ? head : headBefore, start, end));
      start = end;
    }
  }

  /** Tells a watcher that events it needs are compacted. Its id stays taken until the client cancels it, as in etcd. */
  endCompacted(watcher: Watcher, compactRevision: number): void {
    watcher.state = 'compacted';
    this.compactedCount++;
    // The header's revision is 0 and there is no reason: etcd-v3.md B.7.
    this.respond([this.#host.heads.other(0, { watchId: watcher.id, canceled: true, compactRevision })]);
  }

  get #waitingCount(): number {
    return this.#waiting.length - this.#sent;
  }

  get #accepts(): boolean {
    return this.#waitingCount < this.#host.limits.waitingResponsesMax;
  }

  #transmit(slices: readonly Bytes[]): void {
    if (!this.#sink.send(slices)) this.#isFull = true;
  }

  #create(request: WatchCreateRequest): void {
    const { source, heads } = this.#host;
    const key = request.key.length === 0 ? KEY_LOWEST : Buffer.from(request.key);
    const isSingle = request.rangeEnd.length === 0;
    const isToEnd = request.rangeEnd.length === 1 && request.rangeEnd[0] === 0;
    const end = isSingle || isToEnd ? undefined : Buffer.from(request.rangeEnd);
    const refusal = this.#refusal(request, end !== undefined && compareBytes(key, end) >= 0);
    const revision = source.revision();
    if (refusal !== undefined) {
      const fields = { watchId: NO_WATCH, created: true, canceled: true, cancelReason: refusal };
      this.respond([heads.other(revision, fields)]);
      return;
    }
    const { startRevision } = request;
    const watcher = new Watcher(this, {
      id: request.watchId === 0 ? this.#allocateId() : request.watchId,
      key,
      end,
      isSingle,
      shape: shapeOf(request),
      fragment: request.fragment,
      startRevision,
      next: startRevision === 0 ? revision + 1 : startRevision,
    });
    this.watchers.set(watcher.id, watcher);
    this.#host.stats.watchers++;
    if (startRevision > this.#startMax) this.#startMax = startRevision;
    this.respond([heads.other(revision, { watchId: watcher.id, created: true })]);
    if (request.progressNotify) {
      this.notified.add(watcher);
      this.#host.startTicks(this);
    }
    this.#host.admit(this, watcher);
  }

  /** In etcd's order. */
  #refusal(request: WatchCreateRequest, isEmpty: boolean): string | undefined {
    const { limits, stats } = this.#host;
    if (request.startRevision < 0) return COMPACTED;
    if (isEmpty) return RANGE_EMPTY;
    if (request.watchId !== 0 && this.watchers.has(request.watchId)) return DUPLICATE_ID;
    const isRoom = this.watchers.size < limits.watchersPerStreamMax && stats.watchers < limits.watchersMax;
    return isRoom ? undefined : TOO_MANY_WATCHERS;
  }

  #allocateId(): number {
    while (this.watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  /** An unknown id gets no answer. */
  #cancel(id: number): void {
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return;
    this.watchers.delete(id);
    this.notified.delete(watcher);
    this.#host.stats.watchers--;
    if (watcher.state === 'compacted') this.compactedCount--;
    this.#host.withdraw(watcher);
    this.respond([this.#host.heads.other(this.#host.source.revision(), { watchId: id, canceled: true })]);
  }
}

function shapeOf(request: WatchCreateRequest): number {
  let shape = request.prevKv ? PREV_KV : 0;
  // Unknown filters mean nothing, as in etcd.
  if (request.filters.includes(WatchFilter.noPut)) shape |= NO_PUT;
  if (request.filters.includes(WatchFilter.noDelete)) shape |= NO_DELETE;
  return shape;
}

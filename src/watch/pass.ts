import type { Bytes, Random } from '../base/index.ts';
import { assert } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { VersionId } from '../index/index.ts';
import { keyLength, keyOffset } from '../wire/index.ts';
import type { Budget } from './budget.ts';
import type { Framer } from './framer.ts';
import type { Heads } from './heads.ts';
import type { WatchLimits } from './limits.ts';
import { RangeIndex } from './range-index.ts';
import type { Run } from './run.ts';
import type { WatchSource } from './source.ts';
import type { Walk, Walked } from './walk.ts';
import type { Home, RangeNode, Variant, Watcher } from './watcher.ts';

/** What all passes share, and where they turn to. */
export interface PassHost {
  readonly source: WatchSource;
  readonly limits: WatchLimits;
  readonly budget: Budget;
  readonly framer: Framer;
  readonly heads: Heads;
  readonly random: Random;
  /** The watcher cannot be served now: takes it out of its pass, with its cursor. */
  passOver(watcher: Watcher): void;
  /** Reads these values into `pass.readBack`, then steps the pass again. */
  read(pass: Pass, versions: readonly VersionId[]): void;
}

/**
 * `idle`: all that is committed has been delivered. `more`: step again in a later turn. `reading`: values are being read
 * back. `lost`: a compaction has overtaken the pass, what it collected is void.
 */
export type PassOutcome = 'idle' | 'more' | 'reading' | 'lost';

/**
 * A cursor over the history that serves many watchers: it collects what matches them, up to the end of a revision, frames
 * it once for each range and shape, and sends it to each watcher; then it goes on. The live pass stands at the end of the
 * history; the others bring up those that lag.
 *
 * Invariants:
 * 1. Every watcher in the pass has received exactly what it wants of the revisions below its cursor, which is the higher
 *    one of its own `next` and the pass's.
 * 2. A watcher joins only with a cursor above `walked`: nothing it wants has been passed.
 * 3. While it delivers, a pass collects nothing; `next` moves when the delivery is complete.
 * 4. Collected versions have revisions >= `next`; when a compaction exceeds `next` they are dropped at once, since their
 *    slots may be used again.
 */
export class Pass implements Walked, Home {
  readonly ranges: RangeIndex;
  readonly isLive: boolean;
  next: number;
  walked: number;
  readBack = new Map<VersionId, Bytes | undefined>();
  isReading = false;
  /** A value that its watchers want turned out to be compacted: those with a cursor below this have lost events. */
  lostBelow = 0;
  readonly #host: PassHost;
  readonly #walk: Walk;
  #dirty: RangeNode[] = [];
  #bytes = 0;
  #revisions = 0;
  #lastTaken = 0;
  #unread = 0;
  #wasPaused = false;

  // The delivery under way.
  #isDelivering = false;
  #nodeAt = 0;
  #variantAt = 0;
  #watcherAt = 0;
  #isFramed = false;
  #run: Run | undefined = undefined;

  constructor(host: PassHost, options: { walk: Walk; next: number; isLive: boolean }) {
    this.#host = host;
    this.#walk = options.walk;
    this.isLive = options.isLive;
    this.next = options.next;
    this.walked = options.next - 1;
    this.ranges = new RangeIndex(host.random);
  }

  /** The watcher's cursor must be above `walked`. */
  add(watcher: Watcher): void {
    assert(watcher.next > this.walked, 'a watcher joins a pass that is not ahead of it');
    watcher.state = 'in-pass';
    watcher.pass = this;
    this.ranges.add(watcher);
  }

  /** Takes a watcher out and brings its own cursor up to date. */
  remove(watcher: Watcher): void {
    this.ranges.remove(watcher);
    watcher.pass = undefined;
    if (watcher.next < this.next) watcher.next = this.next;
  }

  /** All that is committed has been delivered. */
  get isIdle(): boolean {
    return !this.#isDelivering && this.#dirty.length === 0 && this.next > this.#host.source.revision();
  }

  get isLost(): boolean {
    return this.next < this.#host.source.compacted() || this.lostBelow > 0;
  }

  // -- what the walk sees

  get isEmpty(): boolean {
    return this.ranges.size === 0 && this.#dirty.length === 0;
  }

  get isFull(): boolean {
    if (this.#dirty.length === 0) return false;
    const { limits } = this.#host;
    return (
      this.#wasPaused ||
      this.#bytes >= limits.responseBytesMax ||
      this.#revisions >= limits.responseRevisionsMax ||
      this.#unread >= limits.readsPerPassMax
    );
  }

  take(version: VersionId): void {
    const { index, arena } = this.#host.source;
    const isInMemory = index.inMemory(version);
    let length = 0;
    if (isInMemory) {
      const bytes = arena.bytes(index.segment(version));
      const offset = index.offset(version);
      length = index.length(version);
      this.ranges.match(bytes, keyOffset(bytes, offset), keyLength(bytes, offset));
    } else {
      const key = index.keyBytes(index.keyOf(version));
      this.ranges.match(key, 0, key.length);
    }
    const { matches } = this.ranges;
    if (matches.length === 0) return;
    for (const node of matches) {
      if (node.events.length === 0) this.#dirty.push(node);
      node.events.push(version);
    }
    this.#bytes += length * matches.length;
    if (!isInMemory) this.#unread++;
    const previous = this.isLive ? NONE : index.previous(version);
    if (previous !== NONE && !index.inMemory(previous)) this.#unread++;
    if (this.#lastTaken !== this.walked) this.#revisions++;
    this.#lastTaken = this.walked;
  }

  // -- driving

  /** Walks and delivers until the budget is spent or everything committed has been delivered. */
  step(): PassOutcome {
    const { budget } = this.#host;
    for (;;) {
      if (this.isReading) return 'reading';
      if (this.#isDelivering) {
        if (!this.#deliver()) return this.isReading ? 'reading' : 'more';
        this.#reset(this.walked + 1);
      }
      if (this.isIdle) return 'idle';
      if (budget.isSpent) return 'more';
      const outcome = this.#walk.step(this, budget);
      if (outcome === 'lost') return 'lost';
      if (outcome === 'paused') {
        this.#wasPaused = true;
        // Nothing was collected, also not of the revision that the walk is in.
        if (this.#dirty.length === 0) this.next = this.walked;
        return 'more';
      }
      this.#isDelivering = this.#dirty.length > 0;
      if (!this.#isDelivering) this.#reset(this.walked + 1);
    }
  }

  /** Drops what was collected and not delivered. */
  discard(): void {
    for (const node of this.#dirty) node.events = [];
    this.#reset(this.next);
  }

  #reset(next: number): void {
    this.next = next;
    this.#dirty = [];
    this.#bytes = 0;
    this.#revisions = 0;
    this.#unread = 0;
    this.#wasPaused = false;
    this.#isDelivering = false;
    this.#nodeAt = 0;
    this.#variantAt = 0;
    this.#isFramed = false;
    this.#run = undefined;
    if (this.readBack.size > 0) this.readBack = new Map();
  }

  /** True when it is complete; false when the budget is spent or values must be read first. */
  #deliver(): boolean {
    for (; this.#nodeAt < this.#dirty.length; this.#nodeAt++, this.#variantAt = 0) {
      const node = this.#dirty[this.#nodeAt]!;
      for (; this.#variantAt < node.variants.length; this.#variantAt++) {
        if (!this.#deliverVariant(node, node.variants[this.#variantAt]!)) return false;
        this.#isFramed = false;
        this.#run = undefined;
      }
      node.events = [];
    }
    return true;
  }

  #deliverVariant(node: RangeNode, variant: Variant): boolean {
    const { watchers } = variant;
    if (watchers.length === 0) return true;
    if (!this.#isFramed) {
      const { framer } = this.#host;
      this.#run = framer.frame(node.events, variant.shape, this.readBack);
      if (this.#run === undefined && framer.missing.length === 0) return true;
      if (this.#run === undefined && !this.isLive) {
        this.#host.read(this, framer.missing);
        return false;
      }
      this.#isFramed = true;
      this.#watcherAt = watchers.length - 1;
    }
    return this.#send(watchers, this.#run);
  }

  /** Down from the last slot, so that watchers may leave on the way (see RangeNode.remove). */
  #send(watchers: readonly Watcher[], run: Run | undefined): boolean {
    const { budget, heads } = this.#host;
    const headerRevision = this.isLive && run !== undefined ? run.lastRevision : this.walked;
    heads.begin(headerRevision);
    while (this.#watcherAt >= 0) {
      if (budget.isSpent) return false;
      const watcher = watchers[this.#watcherAt--];
      if (watcher === undefined) continue;
      budget.step();
      this.#serve(watcher, run, headerRevision);
    }
    return true;
  }

  /** Without a run (the live pass found a value gone from memory) the watcher has to catch up, where reading is awaited. */
  #serve(watcher: Watcher, run: Run | undefined, headerRevision: number): void {
    const { stream } = watcher;
    if (stream.isClosed || watcher.next > this.walked) return;
    if (run === undefined || !stream.takes(run)) {
      if (run === undefined || watcher.next <= run.lastRevision) this.#host.passOver(watcher);
      return;
    }
    const from = watcher.next <= run.firstRevision ? 0 : run.seek(watcher.next);
    if (from === run.count) return;
    watcher.next = this.walked + 1;
    watcher.isQuiet = false;
    stream.sendEvents(watcher, run, from, headerRevision);
  }
}

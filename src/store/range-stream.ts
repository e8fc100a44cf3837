import type { ByteRuns } from '../base/index.ts';
import type { Cancel, Scheduler } from '../base/index.ts';
import { SortOrder, SortTarget } from '../wire/index.ts';
import type { RangeRequest } from '../wire/index.ts';
import { Collector, hasFilters } from './collector.ts';
import { countSteps } from './count.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import { fetchBodies } from './fetch.ts';
import type { Holds } from './holds.ts';
import type { StoreLimits } from './limits.ts';
import type { Pin, Pins } from './pins.ts';
import { rangeSteps, readRevision } from './range.ts';
import { keyRange } from './ranges.ts';
import type { RangeSink, RangeStream } from './results.ts';
import type { Slices, Steps } from './slices.ts';
import { checkRange } from './validate.ts';
import type { ReadParts } from './view.ts';

/** A batch is sent when it has so many keys or bytes. */
const BATCH_KEYS_MAX = 2048;
const BATCH_BYTES_MAX = 256 * 1024;
/** How many versions a walk gives at once: between two looks at the clock. */
const WALK_BATCH = 128;

interface StreamParts {
  readonly parts: ReadParts;
  readonly slices: Slices;
  readonly scheduler: Scheduler;
  readonly pins: Pins;
  readonly holds: Holds;
  readonly limits: StoreLimits;
  /** For an answer that needs the leadership: why it may not leave now. */
  readonly confirm: (() => StoreErrorCode | undefined) | undefined;
}

/**
 * KV.RangeStream (etcd-v3.md B.3): the walk of a range, its revision pinned, sent in batches as fast as the client takes
 * them. Holds one batch, however long the range is. Calls the sink in later turns only.
 */
export class StreamedRange implements RangeStream {
  readonly #options: StreamParts;
  readonly #request: RangeRequest;
  readonly #sink: RangeSink;
  #pin: Pin | undefined;
  #ended = false;
  #resume: (() => void) | undefined;
  #cancelTimeout: Cancel = () => undefined;

  constructor(options: StreamParts, request: RangeRequest, sink: RangeSink) {
    this.#options = options;
    this.#request = request;
    this.#sink = sink;
    const refusal = this.#start();
    if (refusal !== undefined) options.scheduler.soon(() => this.#end(refusal));
  }

  resume(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  cancel(): void {
    this.#ended = true;
    this.#release();
    this.resume();
  }

  #start(): StoreErrorCode | undefined {
    const { parts, scheduler, pins, holds, limits, slices } = this.#options;
    const request = this.#request;
    const refusal = checkRange(request);
    if (refusal !== undefined) return refusal;
    const isAscending = request.sortOrder === SortOrder.ascend && request.sortTarget === SortTarget.key;
    if (!isAscending && request.sortOrder !== SortOrder.none) return 'RangeStreamSort';
    if (hasFilters(request)) return 'RangeStreamFilter';
    const header = parts.state.revision;
    const revision = readRevision(request.revision, header, parts.state.compactedExact);
    if (typeof revision === 'string') return revision;
    if (holds.isFull) return 'TooManyRequests';
    this.#pin = pins.open(revision);
    if (this.#pin === undefined) return 'TooManyRequests';
    parts.state.operations.ranges++;
    this.#cancelTimeout = scheduler.after(limits.pinMsMax, () => {
      this.#end('Timeout');
      this.resume();
    });
    const steps = this.#steps(revision, header);
    slices.add({
      slice: () => {
        const next = steps.next();
        return next.done === true ? false : (next.value ?? true);
      },
    });
    return undefined;
  }

  *#steps(revision: number, header: number): Steps<void> {
    const { parts } = this.#options;
    const request = this.#request;
    const range = request.rangeEnd.length === 0 ? undefined : keyRange(request.key, request.rangeEnd);
    if (range === undefined || request.countOnly || request.sortTarget !== SortTarget.key) {
      const result = yield* rangeSteps(parts, request, revision, header);
      if (this.#ended) return;
      if (typeof result === 'string') return this.#end(result);
      if (result.kvs.count > 0) this.#sink.batch(result.kvs);
      return this.#end(undefined, header, result.count, result.more);
    }
    const walk = parts.index.walk(range.from, range.to, revision);
    const ids = new Uint32Array(WALK_BATCH);
    const limit = request.limit > 0 ? request.limit : Infinity;
    let batch = new Collector(parts.index, parts.segments, { ...request, limit: 0 });
    let found = 0;
    while (!walk.done && found <= limit && !this.#ended) {
      const count = walk.next(ids);
      const wanted = Math.min(count, limit - found);
      found += count;
      for (let at = batch.take(ids, 0, wanted); at < wanted;) {
        const bodies = fetchBodies(parts, ids, at, wanted, (id) => batch.needsBody(id));
        yield bodies.ready;
        if (bodies.failed !== undefined) return this.#end(bodies.failed);
        for (let i = 0; i < bodies.found.length && ids[at] === bodies.ids[i]; i++) {
          batch.takeBody(bodies.found[i]!);
          at = batch.take(ids, at + 1, wanted);
        }
      }
      if (batch.kvs.count >= BATCH_KEYS_MAX || batch.kvs.totalBytes >= BATCH_BYTES_MAX) {
        yield* this.#send(batch.kvs);
        batch = new Collector(parts.index, parts.segments, { ...request, limit: 0 });
      }
      if (parts.budget.spend(count + 16)) yield undefined;
    }
    if (batch.kvs.count > 0) yield* this.#send(batch.kvs);
    if (this.#ended) return;
    const more = found > limit;
    const count = more ? yield* countSteps(parts, range.from, range.to, revision) : found;
    this.#end(undefined, header, count, more);
  }

  /** Sends a batch, then waits until the client has room. */
  *#send(kvs: ByteRuns): Steps<void> {
    if (this.#ended || this.#sink.batch(kvs)) return;
    yield new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  #end(refusal: StoreErrorCode | undefined, revision = 0, count = 0, more = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    const code = refusal ?? this.#options.confirm?.();
    this.#sink.end(code === undefined ? undefined : storeError(code), { revision, count, more });
  }

  #release(): void {
    this.#cancelTimeout();
    if (this.#pin !== undefined) this.#options.pins.close(this.#pin);
    this.#pin = undefined;
  }
}

import type { Bytes } from '../base/index.ts';
import { assert, EMPTY_BYTES } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { VersionId } from '../index/index.ts';
import { eventFieldSize, writeEventField, writeEventFrame, writePrevKvFrame } from '../wire/index.ts';
import { Run } from './run.ts';
import type { WatchSource } from './source.ts';
import { NO_DELETE, NO_PUT, PREV_KV } from './watcher.ts';

/** Key-values from this size on are sent from the segment they lie in; smaller ones are copied behind their frames. */
const COPIED_BYTES_MAX = 16 * 1024;
/** Tag and length of an event and of its two key-values, at most. */
const FRAME_BYTES_MAX = 40;

/** Values that were read back because memory no longer holds them; undefined: no longer readable. */
export type ReadBack = ReadonlyMap<VersionId, Bytes | undefined>;

/**
 * Frames versions as events. Reused for every run, so that framing leaves nothing behind but the run: the places of the
 * key-values are found first, in columns, then everything is written into one buffer of the right size.
 */
export class Framer {
  readonly #source: WatchSource;
  #deletes: boolean[] = [];
  #kvs: Bytes[] = [];
  #kvOffsets: number[] = [];
  #kvLengths: number[] = [];
  #prevs: Bytes[] = [];
  #prevOffsets: number[] = [];
  #prevLengths: number[] = [];
  #revisions: number[] = [];
  /** What the last `frame` could not find in memory: (version) pairs to read back. */
  readonly missing: VersionId[] = [];
  /**
   * The compaction that `prev_kv` obeys. The hub moves it only when synced watchers have what was committed before: a
   * compaction that commits together with a write does not take the write's `prev_kv` away.
   */
  compacted: number;

  constructor(source: WatchSource) {
    this.#source = source;
    this.compacted = source.compacted();
  }

  /**
   * The run of these events for watchers of this shape; undefined when the filters leave none, or when values are
   * `missing`.
   */
  frame(events: readonly VersionId[], shape: number, readBack: ReadBack): Run | undefined {
    this.missing.length = 0;
    this.#clear();
    for (const version of events) this.#locate(version, shape, readBack);
    if (this.missing.length > 0 || this.#revisions.length === 0) return undefined;
    return this.#write();
  }

  #clear(): void {
    this.#deletes.length = 0;
    this.#kvs.length = 0;
    this.#kvOffsets.length = 0;
    this.#kvLengths.length = 0;
    this.#prevs.length = 0;
    this.#prevOffsets.length = 0;
    this.#prevLengths.length = 0;
    this.#revisions = [];
  }

  #locate(version: VersionId, shape: number, readBack: ReadBack): void {
    const { index, arena } = this.#source;
    const isDelete = index.isTombstone(version);
    if ((shape & (isDelete ? NO_DELETE : NO_PUT)) !== 0) return;
    this.#deletes.push(isDelete);
    this.#revisions.push(index.revision(version));
    if (index.inMemory(version)) {
      this.#kvs.push(arena.bytes(index.segment(version)));
      this.#kvOffsets.push(index.offset(version));
      this.#kvLengths.push(index.length(version));
    } else {
      const body = readBack.get(version);
      if (body === undefined) this.missing.push(version);
      this.#kvs.push(body ?? EMPTY_BYTES);
      this.#kvOffsets.push(0);
      this.#kvLengths.push(body?.length ?? 0);
    }
    this.#locatePrevious((shape & PREV_KV) === 0 ? NONE : this.#previousPut(version), readBack);
  }

  #locatePrevious(previous: VersionId, readBack: ReadBack): void {
    const { index, arena } = this.#source;
    if (previous !== NONE && index.inMemory(previous)) {
      this.#prevs.push(arena.bytes(index.segment(previous)));
      this.#prevOffsets.push(index.offset(previous));
      this.#prevLengths.push(index.length(previous));
      return;
    }
    const body = previous === NONE ? undefined : readBack.get(previous);
    if (previous !== NONE && !readBack.has(previous)) this.missing.push(previous);
    this.#prevs.push(body ?? EMPTY_BYTES);
    this.#prevOffsets.push(0);
    this.#prevLengths.push(body?.length ?? 0);
  }

  /**
   * The version that an event's `prev_kv` shows: the key as it was one revision before the event's, unless the event
   * created the key or that revision is compacted; then NONE.
   */
  #previousPut(version: VersionId): VersionId {
    const { index } = this.#source;
    const revision = index.revision(version);
    if (revision - 1 < this.compacted) return NONE;
    let previous = index.previous(version);
    const isCreate = previous === NONE || index.isTombstone(previous);
    if (isCreate && !index.isTombstone(version)) return NONE;
    // One transaction can put and delete a key: what it put is not what was there before it.
    while (previous !== NONE && index.revision(previous) === revision) previous = index.previous(previous);
    return previous === NONE || index.isTombstone(previous) ? NONE : previous;
  }

  #write(): Run {
    const count = this.#revisions.length;
    const ends: number[] = [];
    let total = 0;
    let copied = 0;
    for (let i = 0; i < count; i++) {
      const kvLength = this.#kvLengths[i]!;
      const prevLength = this.#prevLengths[i]!;
      const size = eventFieldSize(this.#deletes[i]!, kvLength, prevLength);
      total += size;
      ends.push(total);
      copied += kvLength + prevLength < COPIED_BYTES_MAX ? size : FRAME_BYTES_MAX;
    }
    const target = Buffer.allocUnsafe(copied);
    const parts: Bytes[] = [];
    let start = 0;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const kvLength = this.#kvLengths[i]!;
      const prevLength = this.#prevLengths[i]!;
      if (kvLength + prevLength < COPIED_BYTES_MAX) {
        at = writeEventField(
          target,
          at,
          this.#deletes[i]!,
          this.#kvs[i]!,
          this.#kvOffsets[i]!,
          kvLength,
          this.#prevs[i]!,
          this.#prevOffsets[i]!,
          prevLength,
        );
        continue;
      }
      at = writeEventFrame(target, at, this.#deletes[i]!, kvLength, prevLength);
      parts.push(target.subarray(start, at), view(this.#kvs[i]!, this.#kvOffsets[i]!, kvLength));
      start = at;
      if (prevLength === 0) continue;
      at = writePrevKvFrame(target, at, prevLength);
      parts.push(target.subarray(start, at), view(this.#prevs[i]!, this.#prevOffsets[i]!, prevLength));
      start = at;
    }
    if (start < at) parts.push(target.subarray(start, at));
    const run = new Run(parts, ends, this.#revisions);
    assert(parts.reduce((sum, part) => sum + part.length, 0) === total, 'a run is as long as its events');
    return run;
  }
}

function view(bytes: Bytes, offset: number, length: number): Bytes {
  return bytes.subarray(offset, offset + length);
}

import type { Bytes } from '../base/index.ts';

/**
 * The events of one range, framed once as the fields of a `WatchResponse`: all watchers that get the same bytes share it.
 * Immutable. Events are numbered from 0.
 */
export class Run {
  /** The revision of the first and of the last event. */
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly count: number;
  readonly #parts: readonly Bytes[];
  /** For each event: where it ends in the parts together, and its revision. */
  readonly #ends: readonly number[];
  readonly #revisions: readonly number[];

  /** At least one event. */
  constructor(parts: readonly Bytes[], ends: readonly number[], revisions: readonly number[]) {
    this.#parts = parts;
    this.#ends = ends;
    this.#revisions = revisions;
    this.count = ends.length;
    this.firstRevision = revisions[0]!;
    this.lastRevision = revisions[ends.length - 1]!;
  }

  /** Bytes of the events from the one numbered `from` up to, not including, `to`. */
  bytes(from: number, to: number): number {
    return this.#end(to - 1) - this.#end(from - 1);
  }

  /** The first event of this or a higher revision; `count` when there is none. */
  seek(revision: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#revisions[middle]! < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A response: its head, then the events from the one numbered `from` up to, not including, `to`. */
  response(head: Bytes, from: number, to: number): readonly Bytes[] {
    const parts = this.#parts;
    if (parts.length === 1 && from === 0 && to === this.count) return [head, parts[0]!];
    const slices = [head];
    const start = this.#end(from - 1);
    const end = this.#end(to - 1);
    let at = 0;
    for (const part of parts) {
      const low = Math.max(start - at, 0);
      const high = Math.min(end - at, part.length);
      if (low < high) slices.push(low === 0 && high === part.length ? part : part.subarray(low, high));
      at += part.length;
    }
    return slices;
  }

  #end(event: number): number {
    return event < 0 ? 0 : this.#ends[event]!;
  }
}

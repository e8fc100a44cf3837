import type { VersionId } from './constants.ts';

/** A resumable cursor over the keys of a range that are live at a revision. */
export class RangeWalk {
  readonly #found: VersionId[];
  #at = 0;

  constructor(found: VersionId[]) {
    this.#found = found;
  }

  /** True once every key of the range has been visited. */
  get done(): boolean {
    return this.#at >= this.#found.length;
  }

  /**
   * Fills `out` with versions in key order and returns how many; it may return 0 before `done` because it visits a
   * bounded number of keys a call.
   */
  next(out: Uint32Array): number {
    let count = 0;
    while (count < out.length && !this.done) out[count++] = this.#found[this.#at++]!;
    return count;
  }
}

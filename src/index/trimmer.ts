import { NONE } from './constants.ts';
import type { VersionId } from './constants.ts';
import type { Tables } from './tables.ts';

/** Units that removing a key costs, beside one for each version looked at. */
const REMOVAL_UNITS = 10;

/**
 * Takes away what compaction has made unreadable: each version of the history up to the target frees the one before it;
 * those below the target then leave the history, and a tombstone among them goes with its key if it is the newest. What
 * is exactly at the target stays.
 */
export class Trimmer {
  readonly #tables: Tables;
  #compacted = 0;
  #limit = Infinity;
  /** The versions at the target before this position of the history have freed the one before them. */
  #freedTo = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  get target(): number {
    return Math.min(this.#compacted, this.#limit);
  }

  compactTo(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  setLimit(revision: number): void {
    this.#limit = revision;
  }

  historyShortened(): void {
    this.#freedTo = Math.min(this.#freedTo, this.#tables.history.end);
  }

  /** All of it at once. */
  finish(): void {
    while (this.step(1 << 20));
  }

  step(unitsMax: number): boolean {
    const { history, versions } = this.#tables;
    const target = this.target;
    let units = 0;
    while (units < unitsMax && history.start < history.end) {
      const v = history.at(history.start);
      if (versions.revision(v) >= target) break;
      history.shift();
      units += this.#leave(v);
    }
    this.#freedTo = Math.max(this.#freedTo, history.start);
    while (units < unitsMax && this.#freedTo < history.end) {
      const v = history.at(this.#freedTo);
      if (versions.revision(v) > target) return false;
      this.#freedTo++;
      this.freePrevious(v);
      units++;
    }
    return this.#freedTo < history.end && units >= unitsMax;
  }

  /** Frees the version before one that is readable at the target, unless its own place in the history is still there. */
  freePrevious(v: VersionId): void {
    const previous = this.#tables.versions.previous(v);
    if (previous === NONE || this.#tables.versions.revision(previous) >= this.target) return;
    this.#tables.freeSuperseded(previous);
  }

  #leave(v: VersionId): number {
    const { versions, keys } = this.#tables;
    this.freePrevious(v);
    if (!versions.isTombstone(v)) return 1;
    const key = versions.key(v);
    if (keys.newest(key) === v) {
      this.#tables.removeKey(key);
      return REMOVAL_UNITS;
    }
    this.#tables.freeSuperseded(v);
    return 1;
  }
}

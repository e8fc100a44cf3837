import { NONE } from './constants.ts';
import type { Tables } from './tables.ts';

/** A pass over all versions is worth while when it gives back this many segments, and this part of all of them. */
const PASS_SEGMENTS_MIN = 2;
const PASS_PART_MIN = 1 / 32;
/** Copied bytes that cost about as much as looking at a version. */
const BYTES_PER_UNIT = 512;

/**
 * Gives memory back in bounded steps. Superseded values beyond a bound lose their bodies, oldest first. Segments that
 * nothing refers to are dropped; those less than half used are emptied first: one pass over the columns of the versions
 * serves all of them.
 */
export class Evacuation {
  readonly #tables: Tables;
  readonly #historyBytesMax: number;
  /** The versions before this position of the history have taken the body of the one before them. */
  #droppedTo = 0;
  #cursor = NONE;
  readonly #victims = new Set<number>();
  #releasedAtScan = 0;

  constructor(tables: Tables, historyBytesMax: number) {
    this.#tables = tables;
    this.#historyBytesMax = historyBytesMax;
  }

  step(unitsMax: number, committed: number): boolean {
    let units = this.#dropBodies(unitsMax, committed);
    if (units >= unitsMax) return true;
    if (this.#cursor === NONE) {
      if (this.#tables.releasedBytes - this.#releasedAtScan < this.#tables.segments.segmentBytes)
        return false;
      this.#choose(committed);
      if (this.#cursor === NONE) return false;
    }
    const { versions } = this.#tables;
    const end = versions.end;
    while (units < unitsMax && this.#cursor < end) units += this.#visit(this.#cursor++);
    if (this.#cursor < end) return true;
    this.#cursor = NONE;
    for (const segment of this.#victims) this.#tables.segments.drop(segment);
    this.#victims.clear();
    return false;
  }

  #dropBodies(unitsMax: number, committed: number): number {
    const { history, versions } = this.#tables;
    let units = 0;
    this.#droppedTo = Math.min(Math.max(this.#droppedTo, history.start), history.end);
    while (
      units < unitsMax &&
      this.#tables.supersededBytesInMemory > this.#historyBytesMax &&
      this.#droppedTo < history.end
    ) {
      const v = history.at(this.#droppedTo);
      if (versions.revision(v) > committed) break;
      this.#droppedTo++;
      units++;
      const previous = versions.previous(v);
      if (previous !== NONE) this.#tables.dropBody(previous);
    }
    return units;
  }

  #visit(v: number): number {
    const { versions, segments } = this.#tables;
    if (versions.key(v) === NONE) return 1;
    const segment = versions.segment(v);
    if (segment === NONE || !segments.isVictim(segment)) return 1;
    const length = versions.length(v);
    segments.move(segment, versions.offset(v), length);
    versions.setPlace(v, segments.movedSegment, segments.movedOffset);
    return 2 + Math.floor(length / BYTES_PER_UNIT);
  }

  /** Drops empty segments, and starts a pass when enough can be gained. */
  #choose(committed: number): void {
    const { segments, history, versions } = this.#tables;
    this.#releasedAtScan = this.#tables.releasedBytes;
    // Chunks that are not committed yet lie in the segment of the first such version and the ones after it.
    const proposed = history.seek(committed + 1);
    const end = proposed < history.end ? versions.segment(history.at(proposed)) : segments.end;
    let gain = 0;
    for (let segment = segments.nextFrom(0); segment < end; segment = segments.nextFrom(segment + 1)) {
      if (segments.isOpen(segment)) continue;
      const used = segments.used(segment);
      const size = segments.size(segment);
      if (used === 0) {
        segments.drop(segment);
      } else if (used < size / 2) {
        gain += size - used;
        this.#victims.add(segment);
      }
    }
    if (gain < Math.max(PASS_SEGMENTS_MIN * segments.segmentBytes, segments.bytesTotal * PASS_PART_MIN)) {
      this.#victims.clear();
      return;
    }
    for (const segment of this.#victims) segments.setVictim(segment);
    this.#cursor = 0;
  }
}

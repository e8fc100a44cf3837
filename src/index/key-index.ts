import type { Bytes, Random } from '../base/index.ts';
import { Changes } from './changes.ts';
import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';
import { countAt, countNewest } from './counting.ts';
import { Evacuation } from './evacuation.ts';
import { RangeWalk } from './range-walk.ts';
import type { Segments } from './segments.ts';
import { Tables } from './tables.ts';
import { Trimmer } from './trimmer.ts';

export interface KeyIndexOptions {
  /** Seeds the hash of keys, so that nobody can choose keys that collide. */
  readonly random: Random;
  /** Superseded values beyond this many bytes lose their place in memory, oldest first. Default: no bound. */
  readonly historyBytesInMemoryMax?: number;
}

/**
 * The ordered index of a node: each key with its versions, each version with the place of its body in a segment. It does
 * not know what is committed: readers pass a revision <= committed.
 *
 * Everything is in typed arrays that grow in blocks (about 75 bytes for a key with one version), so that neither the
 * heap nor the longest pause grows with the number of keys. Ids of keys and versions are slots: valid until the thing is
 * gone, which only `popAbove`, `trimStep`, and `add` and `compactTo` in bulk bring about.
 */
export class KeyIndex {
  readonly #tables: Tables;
  readonly #trimmer: Trimmer;
  readonly #changes: Changes;
  readonly #evacuation: Evacuation;

  constructor(segments: Segments, options: KeyIndexOptions) {
    this.#tables = new Tables(segments, options.random);
    this.#trimmer = new Trimmer(this.#tables);
    this.#changes = new Changes(this.#tables, this.#trimmer);
    this.#evacuation = new Evacuation(this.#tables, options.historyBytesInMemoryMax ?? Infinity);
  }

  /** The tables, for the tests that check their invariants. */
  get tables(): Tables {
    return this.#tables;
  }

  // Points.

  /** NONE when the key has no version at all. */
  find(key: Bytes): KeyId {
    const { hash, hasher } = this.#tables;
    return hash.find(key, 0, key.length, hasher.of(key, 0, key.length));
  }

  /** May be a tombstone, may be only proposed. */
  newest(key: KeyId): VersionId {
    return this.#tables.keys.newest(key);
  }

  /** The key's newest version with a revision <= `revision`, which may be a tombstone, or NONE. O(log versions). */
  at(key: KeyId, revision: number): VersionId {
    return this.#tables.versions.at(this.#tables.keys.newest(key), revision);
  }

  /** The bytes of a key: a view into a segment. */
  keyBytes(key: KeyId): Bytes {
    const { keys } = this.#tables;
    keys.locate(key);
    return keys.buffer.subarray(keys.start, keys.start + keys.length);
  }

  // A version's columns.

  revision(v: VersionId): number {
    return this.#tables.versions.revision(v);
  }

  sub(v: VersionId): number {
    return this.#tables.versions.sub(v);
  }

  isTombstone(v: VersionId): boolean {
    return this.#tables.versions.isTombstone(v);
  }

  /** NONE when there is none, or it has been trimmed. */
  previous(v: VersionId): VersionId {
    return this.#tables.versions.previous(v);
  }

  keyOf(v: VersionId): KeyId {
    return this.#tables.versions.key(v);
  }

  /** False: the body of this superseded version has been dropped; the log has it. A newest version is in memory. */
  inMemory(v: VersionId): boolean {
    return this.#tables.versions.segment(v) !== NONE;
  }

  /** Where the body is, while it is in memory. A step of evacuation may move it: hold the Buffer, not the numbers. */
  segment(v: VersionId): number {
    return this.#tables.versions.segment(v);
  }

  offset(v: VersionId): number {
    return this.#tables.versions.offset(v);
  }

  /** Length of the body, in memory or not. */
  length(v: VersionId): number {
    return this.#tables.versions.length(v);
  }

  /**
   * Writes segment (NONE: not in memory), offset and length of each of `versions[from..to)` into `places`, three numbers
   * for each: for many versions at once this is several times faster than asking one by one.
   */
  places(versions: Uint32Array, from: number, to: number, places: Uint32Array): void {
    this.#tables.versions.places(versions, from, to, places);
  }

  // Changes.

  /**
   * Adds a newest version of the key that the body begins with. NONE, and no effect on any key's newest version, when the
   * key already has this or a newer one, so that a replay may apply twice; NONE also for a removal below the compacted
   * revision that nobody can see any more, which takes its key away at once. `known`: what `find` has just given for the
   * key, which then is not looked up again.
   */
  add(
    segment: number,
    offset: number,
    length: number,
    revision: number,
    sub: number,
    tombstone: boolean,
    known: KeyId = NONE,
  ): VersionId {
    return this.#changes.add(segment, offset, length, revision, sub, tombstone, known);
  }

  /** Takes versions above the revision back, newest first; `popped` sees each one before it goes. */
  popAbove(revision: number, popped: (v: VersionId) => void): void {
    this.#changes.popAbove(revision, popped);
  }

  /** Nobody reads below this revision any more; `trimStep` then takes away what cannot be read. Never goes back. */
  compactTo(revision: number): void {
    this.#trimmer.compactTo(revision);
    if (this.#tables.bulk) this.#trimmer.finish();
  }

  /** Holds trimming back at this revision (that of the lowest pin) while it is below the compacted one. Infinity: no. */
  setTrimLimit(revision: number): void {
    this.#trimmer.setLimit(revision);
  }

  /**
   * One bounded step of trimming; true: there is more. A unit is a look at one version (0.1 to 0.4 us), a removed key
   * counts 10.
   */
  trimStep(unitsMax: number): boolean {
    return this.#trimmer.step(unitsMax);
  }

  /** Begins a replay: points and history work as usual, `walk` and the counts do not until `endBulk`. */
  beginBulk(): void {
    this.#trimmer.finish();
    this.#tables.bulk = true;
  }

  /** Ends a replay: sorts the keys and builds the tree. */
  endBulk(): void {
    this.#changes.endBulk();
  }

  // Ranges: `from` is inclusive, `to` exclusive, undefined: to the end.

  /** Live keys by their newest versions, proposed ones included. O(log n). */
  countNewest(from: Bytes, to: Bytes | undefined): number {
    return countNewest(this.#tables, from, to);
  }

  /** Live keys at a revision: O(the smaller of the versions above it and the keys in the range). */
  count(from: Bytes, to: Bytes | undefined, revision: number): number {
    return countAt(this.#tables, from, to, revision);
  }

  walk(from: Bytes, to: Bytes | undefined, revision: number, descending = false): RangeWalk {
    return new RangeWalk(this.#tables, from, to, revision, descending);
  }

  // History: all versions from the compacted revision on (it included) in the order of (revision, sub-revision), and
  // older ones that have not been trimmed yet. Positions are absolute.

  /** Position of the first version in the history with this or a higher revision; `historyEnd` when there is none. */
  historySeek(revision: number): number {
    return this.#tables.history.seek(revision);
  }

  get historyStart(): number {
    return this.#tables.history.start;
  }

  get historyEnd(): number {
    return this.#tables.history.end;
  }

  historyAt(position: number): VersionId {
    return this.#tables.history.at(position);
  }

  // Memory.

  /** Bytes of the newest versions of live keys. */
  get liveBytes(): number {
    return this.#tables.liveBytes;
  }

  /** Bytes of all other versions, in memory or not. */
  get historyBytes(): number {
    return this.#tables.historyBytes;
  }

  /** Bytes of superseded versions that are in memory: what `historyBytesInMemoryMax` bounds. */
  get supersededBytesInMemory(): number {
    return this.#tables.supersededBytesInMemory;
  }

  get keyCount(): number {
    return this.#tables.keys.count;
  }

  get versionCount(): number {
    return this.#tables.versions.count;
  }

  /** Bytes of the index's own tables, without the segments (`Segments.bytesTotal`). */
  memoryBytes(): number {
    const { versions, keys, hash, tree, history } = this.#tables;
    return (
      versions.memoryBytes + keys.memoryBytes + hash.memoryBytes + tree.memoryBytes + history.memoryBytes
    );
  }

  /**
   * One bounded step of giving memory back: drops superseded values beyond the bound, moves bodies out of segments less
   * than half used, drops empty segments. Values that only a version above `committed` supersedes stay, and so do the
   * segments from that of the first version above `committed` on. True: there is more. A unit is a look at one version
   * or a copy of 512 bytes (about 0.1 us).
   */
  evacuateStep(unitsMax: number, committed: number): boolean {
    return this.#evacuation.step(unitsMax, committed);
  }
}

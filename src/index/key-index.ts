import type { Bytes, Random } from '../base/index.ts';
import { assert, compareBytes } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';
import { RangeWalk } from './range-walk.ts';
import type { Segments } from './segments.ts';

export interface KeyIndexOptions {
  /** Seeds the hash of keys, so that nobody can choose keys that collide. */
  readonly random: Random;
  /** Superseded values beyond this many bytes lose their place in memory, oldest first. Default: no bound. */
  readonly historyBytesInMemoryMax?: number;
}

interface Version {
  id: VersionId;
  key: Key;
  revision: number;
  sub: number;
  segment: number;
  offset: number;
  length: number;
  tombstone: boolean;
}
interface Key {
  id: KeyId;
  bytes: Bytes;
  versions: Version[];
}

/** The ordered index: key -> its versions. Does not know what is committed; readers pass a revision <= committed. */
export class KeyIndex {
  readonly #segments: Segments;
  readonly #keys = new Map<string, Key>();
  readonly #keyById: Key[] = [];
  readonly #versions: Version[] = [];
  #history: Version[] = [];
  #historyStart = 0;
  #compacted = 0;
  #limit = Infinity;
  #liveBytes = 0;
  #historyBytes = 0;

  constructor(segments: Segments, _options: KeyIndexOptions) {
    this.#segments = segments;
  }

  find(key: Bytes): KeyId {
    return this.#keys.get(Buffer.from(key).toString('latin1'))?.id ?? NONE;
  }
  newest(key: KeyId): VersionId {
    return this.#keyById[key]!.versions.at(-1)!.id;
  }
  at(key: KeyId, revision: number): VersionId {
    return this.#keyById[key]!.versions.findLast((v) => v.revision <= revision)?.id ?? NONE;
  }
  revision(v: VersionId): number {
    return this.#versions[v]!.revision;
  }
  sub(v: VersionId): number {
    return this.#versions[v]!.sub;
  }
  isTombstone(v: VersionId): boolean {
    return this.#versions[v]!.tombstone;
  }
  previous(v: VersionId): VersionId {
    const version = this.#versions[v]!;
    return version.key.versions[version.key.versions.indexOf(version) - 1]?.id ?? NONE;
  }
  keyOf(v: VersionId): KeyId {
    return this.#versions[v]!.key.id;
  }
  inMemory(_v: VersionId): boolean {
    return true;
  }
  segment(v: VersionId): number {
    return this.#versions[v]!.segment;
  }
  offset(v: VersionId): number {
    return this.#versions[v]!.offset;
  }
  length(v: VersionId): number {
    return this.#versions[v]!.length;
  }
  keyBytes(key: KeyId): Bytes {
    return this.#keyById[key]!.bytes;
  }

  add(
    segment: number,
    offset: number,
    length: number,
    revision: number,
    sub: number,
    tombstone: boolean,
  ): VersionId {
    const bytes = this.#segments.bytes(segment);
    assert(bytes[offset] === 0x0a, 'a body starts with its key');
    let keyLength = 0;
    let start = offset + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[start++]!;
      keyLength |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    const name = bytes.toString('latin1', start, start + keyLength);
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = { id: this.#keyById.length, bytes: bytes.subarray(start, start + keyLength), versions: [] };
      this.#keys.set(name, key);
      this.#keyById.push(key);
    }
    const newest = key.versions.at(-1);
    if (newest && (newest.revision > revision || (newest.revision === revision && newest.sub >= sub))) {
      return NONE;
    }
    const version = { id: this.#versions.length, key, revision, sub, segment, offset, length, tombstone };
    if (newest) {
      this.#liveBytes -= newest.length;
      this.#historyBytes += newest.length;
    }
    this.#liveBytes += length;
    key.versions.push(version);
    this.#versions.push(version);
    this.#history.push(version);
    return version.id;
  }

  popAbove(revision: number, popped: (v: VersionId) => void): void {
    for (let v = this.#history.at(-1); v && v.revision > revision; v = this.#history.at(-1)) {
      popped(v.id);
      this.#history.pop();
      v.key.versions.pop();
      if (v.key.versions.length === 0) this.#keys.delete(Buffer.from(v.key.bytes).toString('latin1'));
    }
  }

  compactTo(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }
  /** Trimming stops at this revision while it is lower than the compacted one. Infinity: no limit. */
  setTrimLimit(revision: number): void {
    this.#limit = revision;
  }
  trimStep(_unitsMax: number): boolean {
    const target = Math.min(this.#compacted, this.#limit);
    const keep = this.#history.filter((v) => v.revision >= target);
    this.#historyStart += this.#history.length - keep.length;
    this.#history = keep;
    for (const [name, key] of this.#keys) {
      const readable = key.versions.findLastIndex((v) => v.revision <= target);
      if (readable > 0) key.versions = key.versions.filter((v, i) => i >= readable || v.revision === target);
      if (key.versions[0]!.tombstone && key.versions[0]!.revision < target) key.versions.shift();
      if (key.versions.length === 0) this.#keys.delete(name);
    }
    return false;
  }

  countNewest(from: Bytes, to: Bytes | undefined): number {
    return this.count(from, to, Infinity);
  }
  count(from: Bytes, to: Bytes | undefined, revision: number): number {
    return this.#list(from, to, revision).length;
  }
  walk(from: Bytes, to: Bytes | undefined, revision: number, descending = false): RangeWalk {
    const list = this.#list(from, to, revision);
    return new RangeWalk(descending ? list.reverse() : list);
  }
  #list(from: Bytes, to: Bytes | undefined, revision: number): VersionId[] {
    return [...this.#keys.values()]
      .filter((k) => compareBytes(k.bytes, from) >= 0 && (to === undefined || compareBytes(k.bytes, to) < 0))
      .sort((a, b) => compareBytes(a.bytes, b.bytes))
      .map((k) => k.versions.findLast((v) => v.revision <= revision))
      .filter((v): v is Version => v !== undefined && !v.tombstone)
      .map((v) => v.id);
  }

  /** Position of the first version in the history with this or a higher revision; `historyEnd` when there is none. */
  historySeek(revision: number): number {
    const at = this.#history.findIndex((v) => v.revision >= revision);
    return at < 0 ? this.historyEnd : this.#historyStart + at;
  }
  get historyStart(): number {
    return this.#historyStart;
  }
  get historyEnd(): number {
    return this.#historyStart + this.#history.length;
  }
  historyAt(position: number): VersionId {
    return this.#history[position - this.#historyStart]!.id;
  }

  beginBulk(): void {
    // Nothing is put off in this form.
  }
  endBulk(): void {
    // Nothing was put off.
  }

  /** Bytes of the newest versions of live keys. */
  get liveBytes(): number {
    return this.#liveBytes;
  }
  /** Bytes of all other versions, in memory or not. */
  get historyBytes(): number {
    return this.#historyBytes;
  }
  get keyCount(): number {
    return this.#keys.size;
  }
  get versionCount(): number {
    return this.#versions.length;
  }
  /** Bytes of the index's own tables, without the segments. */
  memoryBytes(): number {
    return 0;
  }
  /**
   * One bounded step of giving memory back: drops superseded values beyond the bound, moves bodies out of segments less
   * than half used. Values that only a version above `committed` supersedes stay. True: there is more to do.
   */
  evacuateStep(_unitsMax: number, _committed: number): boolean {
    return false;
  }
}

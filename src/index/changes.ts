import { assert } from '../base/index.ts';
import { sortKeys } from './bulk-sort.ts';
import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';
import type { Tables } from './tables.ts';
import type { Trimmer } from './trimmer.ts';

/** Adding versions, taking proposed ones back, and loading many at once. */
export class Changes {
  readonly #tables: Tables;
  readonly #trimmer: Trimmer;
  #lastRevision = 0;
  #lastSub = 0;

  constructor(tables: Tables, trimmer: Trimmer) {
    this.#tables = tables;
    this.#trimmer = trimmer;
  }

  add(
    segment: number,
    offset: number,
    length: number,
    revision: number,
    sub: number,
    tombstone: boolean,
    known: KeyId,
  ): VersionId {
    const { segments, versions, keys, hash, hasher } = this.#tables;
    const target = this.#trimmer.target;
    const inOrder = isAbove(revision, sub, this.#lastRevision, this.#lastSub);
    // Without a place in the history (a replay of what is compacted) nobody comes by later to trim: it is done here.
    const aside = revision < target && (this.#tables.bulk || !inOrder);
    if (aside || (this.#tables.bulk && revision === target)) this.#trimmer.finish();

    const buffer = segments.bytes(segment);
    assert(buffer[offset] === 0x0a, 'a body starts with its key');
    keys.locateIn(buffer, offset);
    const start = keys.start;
    const keyLength = keys.length;
    const hashed = known === NONE ? hasher.of(buffer, start, keyLength) : 0;
    let key = known === NONE ? hash.find(buffer, start, keyLength, hashed) : known;
    const newest = key === NONE ? NONE : keys.newest(key);
    if (newest !== NONE && !isAbove(revision, sub, versions.revision(newest), versions.sub(newest)))
      return NONE;

    assert(aside || inOrder, 'versions above the compacted revision come in the order of their revisions');
    if (aside && tombstone) {
      if (newest !== NONE) this.#removeAside(key);
      return NONE;
    }
    const isNew = key === NONE;
    if (isNew) key = keys.create();
    const v = versions.create(key, segment, offset, length, revision, sub, tombstone);
    segments.use(segment, length);
    if (tombstone) this.#tables.historyBytes += length;
    else this.#tables.liveBytes += length;
    if (isNew) {
      keys.setNewest(key, v, 1);
      hash.insert(hashed, key);
      if (!this.#tables.bulk) this.#tables.tree.insert(key, !tombstone, buffer, start, keyLength);
    } else {
      this.#supersede(key, newest, v, tombstone);
    }
    if (inOrder) {
      this.#lastRevision = revision;
      this.#lastSub = sub;
    }
    if (!aside) this.#tables.history.push(v);
    if (aside || (this.#tables.bulk && revision === target)) this.#trimmer.freePrevious(v);
    return v;
  }

  #supersede(key: KeyId, newest: VersionId, v: VersionId, tombstone: boolean): void {
    const { versions, keys } = this.#tables;
    const depth = versions.previous(newest) === NONE ? 1 : keys.depth(key);
    versions.link(v, newest, depth);
    keys.setNewest(key, v, depth + 1);
    this.#tables.accountSuperseded(newest);
    if (versions.isTombstone(newest) !== tombstone) this.#tables.setLive(key, !tombstone);
  }

  /** A removal below the compacted revision: nobody can read the key any more. */
  #removeAside(key: KeyId): void {
    const v = this.#tables.keys.newest(key);
    // A version still in the history cannot go before its place there has been passed.
    assert(
      this.#tables.versions.previous(v) === NONE,
      'a version below the compacted revision is the only one',
    );
    this.#tables.removeKey(key);
  }

  popAbove(revision: number, popped: (v: VersionId) => void): void {
    const { history, versions, keys } = this.#tables;
    while (history.end > history.start) {
      const v = history.at(history.end - 1);
      if (versions.revision(v) <= revision) break;
      popped(v);
      history.pop();
      this.#popVersion(v);
    }
    this.#trimmer.historyShortened();
    const last = history.end > history.start ? history.at(history.end - 1) : NONE;
    this.#lastRevision = last === NONE ? Math.min(this.#lastRevision, revision) : versions.revision(last);
    this.#lastSub = last === NONE ? 0 : versions.sub(last);
    assert(keys.count <= versions.count, 'every key has a version');
  }

  #popVersion(v: VersionId): void {
    const { versions, keys } = this.#tables;
    const key = versions.key(v);
    assert(keys.newest(key) === v, 'what is taken back is the newest version of its key');
    const previous = versions.previous(v);
    if (previous === NONE) {
      this.#tables.removeKey(key);
      return;
    }
    assert(versions.segment(previous) !== NONE, 'a value that only proposed ones supersede is in memory');
    const length = versions.length(previous);
    if (!versions.isTombstone(previous)) {
      this.#tables.historyBytes -= length;
      this.#tables.liveBytes += length;
    }
    this.#tables.supersededBytesInMemory -= length;
    keys.setNewest(key, previous, keys.depth(key) - 1);
    if (versions.isTombstone(previous) !== versions.isTombstone(v)) {
      this.#tables.setLive(key, !versions.isTombstone(previous));
    }
    this.#tables.freeNewest(v);
  }

  endBulk(): void {
    const { keys, versions, tree } = this.#tables;
    this.#tables.bulk = false;
    const slots = new Uint32Array(keys.count);
    let count = 0;
    for (let key = 0; key < keys.end; key++) {
      const newest = keys.newest(key);
      if (newest !== NONE) slots[count++] = key * 2 + (versions.isTombstone(newest) ? 0 : 1);
    }
    sortKeys(keys, slots);
    tree.build(slots, count);
  }
}

function isAbove(revision: number, sub: number, otherRevision: number, otherSub: number): boolean {
  return revision > otherRevision || (revision === otherRevision && sub > otherSub);
}

import type { Random } from '../base/index.ts';
import { NONE } from './constants.ts';
import type { KeyId, VersionId } from './constants.ts';
import { HalfSipHash } from './half-sip-hash.ts';
import { History } from './history.ts';
import { KeyHash } from './key-hash.ts';
import { KeyTree } from './key-tree.ts';
import { Keys } from './keys.ts';
import type { Segments } from './segments.ts';
import { Versions } from './versions.ts';

/** The tables of the index and what must be done to several of them at once; the parts of the index work on these. */
export class Tables {
  readonly segments: Segments;
  readonly versions = new Versions();
  readonly keys: Keys;
  readonly hasher: HalfSipHash;
  readonly hash: KeyHash;
  readonly tree: KeyTree;
  readonly history: History;

  /** While true the tree is behind and is built at the end. */
  bulk = false;
  /** Bytes of the newest versions of live keys. */
  liveBytes = 0;
  /** Bytes of all other versions. */
  historyBytes = 0;
  /** Bytes of the superseded ones among them that are in memory. */
  supersededBytesInMemory = 0;
  /** Bytes of bodies that segments have been rid of, ever. */
  releasedBytes = 0;

  constructor(segments: Segments, random: Random) {
    this.segments = segments;
    this.keys = new Keys(segments, this.versions);
    this.hasher = new HalfSipHash(random.next() * 0x100000000, random.next() * 0x100000000);
    this.hash = new KeyHash(this.keys);
    this.tree = new KeyTree(this.keys);
    this.history = new History(this.versions);
  }

  /** A version that was the newest of its key no longer is. */
  accountSuperseded(v: VersionId): void {
    const length = this.versions.length(v);
    if (!this.versions.isTombstone(v)) {
      this.liveBytes -= length;
      this.historyBytes += length;
    }
    this.supersededBytesInMemory += length;
  }

  /** Frees a superseded version. */
  freeSuperseded(v: VersionId): void {
    this.dropBody(v);
    this.historyBytes -= this.versions.length(v);
    this.versions.release(v);
  }

  /** A superseded version's body is no longer needed in memory. */
  dropBody(v: VersionId): void {
    const segment = this.versions.segment(v);
    if (segment === NONE) return;
    const length = this.versions.length(v);
    this.segments.use(segment, -length);
    this.releasedBytes += length;
    this.supersededBytesInMemory -= length;
    this.versions.setPlace(v, NONE, 0);
  }

  /** Frees a key and its newest version, which has no version before it. */
  removeKey(key: KeyId): void {
    const v = this.keys.newest(key);
    const live = !this.versions.isTombstone(v);
    this.keys.locate(key);
    const { buffer, start, length } = this.keys;
    this.hash.remove(this.hasher.of(buffer, start, length), key);
    if (!this.bulk) this.tree.remove(key, live, buffer, start, length);
    this.freeNewest(v);
    this.keys.release(key);
  }

  /** Frees the newest version of a key, whose slot the caller sees to. */
  freeNewest(v: VersionId): void {
    const length = this.versions.length(v);
    if (this.versions.isTombstone(v)) this.historyBytes -= length;
    else this.liveBytes -= length;
    this.segments.use(this.versions.segment(v), -length);
    this.releasedBytes += length;
    this.versions.release(v);
  }

  /** Tells the tree that a key has become live, or no longer is. */
  setLive(key: KeyId, live: boolean): void {
    if (this.bulk) return;
    this.keys.locate(key);
    this.tree.setLive(key, live, this.keys.buffer, this.keys.start, this.keys.length);
  }
}

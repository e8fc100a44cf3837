import { expect } from 'vitest';
import { SeededRandom } from '../../src/base/index.ts';
import type { Bytes } from '../../src/base/index.ts';
import { KeyIndex, NONE, Segments } from '../../src/index/index.ts';
import type { RangeWalk } from '../../src/index/index.ts';
import { check } from './index-check.ts';
import { IndexModel } from './index-model.ts';
import type { Change } from './index-model.ts';

interface OpenWalk {
  readonly walk: RangeWalk;
  readonly revision: number;
  readonly expected: string[];
  readonly found: string[];
}

/** A finished body in the arena, as the log would put it there: key, then bytes that tell the versions apart. */
export function putBody(segments: Segments, change: Change): { segment: number; offset: number } {
  const { key, length } = change;
  const place = segments.reserve(length);
  let at = place.offset;
  place.bytes[at++] = 0x0a;
  if (key.length > 127) place.bytes[at++] = (key.length & 127) | 128;
  place.bytes[at++] = key.length > 127 ? key.length >>> 7 : key.length;
  place.bytes.set(key, at);
  place.bytes.fill((change.revision * 7 + change.sub) & 255, at + key.length, place.offset + length);
  return { segment: place.segment, offset: place.offset };
}

const show = (v: number, index: KeyIndex): string =>
  `${Buffer.from(index.keyBytes(index.keyOf(v))).toString('hex')}@${index.revision(v)}.${index.sub(v)}`;
const shown = (change: Change | undefined): string =>
  change === undefined ? 'none' : `${change.name}@${change.revision}.${change.sub}`;

/** An index beside its model: every operation is done to both. */
export class IndexDriver {
  readonly segments = new Segments();
  readonly index: KeyIndex;
  readonly model = new IndexModel();
  readonly random: SeededRandom;
  committed = 1;
  compacted = 0;
  /** What has been trimmed away, or may have been. */
  trimmed = 0;
  #walks: OpenWalk[] = [];
  readonly #slices: { slice: Bytes; copy: Bytes }[] = [];

  constructor(seed: number, historyBytesInMemoryMax: number) {
    this.random = new SeededRandom(seed);
    this.index = new KeyIndex(this.segments, { random: this.random.fork('hash'), historyBytesInMemoryMax });
  }

  /** Keys of many shapes: common prefixes, zero bytes at the end, one a prefix of the other, long ones. */
  key(): Bytes {
    const n = this.random.int(0, 4000);
    switch (this.random.int(0, 5)) {
      case 0:
        return Buffer.from([n & 3, n & 1, n & 2].slice(0, 1 + (n % 3)));
      case 1:
        return Buffer.from(`/registry/pods/default/pod-${String(n).padStart(5, '0')}`);
      case 2:
        return Buffer.concat([Buffer.from('/registry/leases/'), Buffer.alloc(n % 7), Buffer.from([n >>> 8])]);
      case 3:
        return Buffer.from('long'.repeat(40 + (n % 3)) + String(n % 50));
      default:
        return Buffer.from(new SeededRandom(n).next63().toString(16));
    }
  }

  change(revision: number, sub: number, tombstone: boolean, extra: number, key = this.key()): Change {
    const length = key.length + 4 + extra;
    return { key, name: Buffer.from(key).toString('hex'), revision, sub, tombstone, length };
  }

  add(change: Change): void {
    const { segment, offset } = putBody(this.segments, change);
    const add = (): number =>
      this.index.add(segment, offset, change.length, change.revision, change.sub, change.tombstone);
    const v = add();
    this.model.add(change);
    if (v === NONE) {
      expect(change.tombstone && change.revision < this.compacted).toBe(true);
      return;
    }
    expect(show(v, this.index)).toBe(shown(change));
    if (change.revision >= this.compacted) expect(add()).toBe(NONE);
    if (this.random.chance(0.02)) this.#slices.push(this.#hold(v));
  }

  #hold(v: number): { slice: Bytes; copy: Bytes } {
    const at = this.index.offset(v);
    const slice = this.segments.bytes(this.index.segment(v)).subarray(at, at + this.index.length(v));
    return { slice, copy: Buffer.from(slice) };
  }

  /** One transaction of `count` changes of different keys; some remove what is there. */
  transaction(count: number, removals: number, extra: number): void {
    const revision = this.model.revision + 1;
    const used = new Set<string>();
    for (let sub = 0; sub < count; sub++) {
      const key = this.key();
      const name = Buffer.from(key).toString('hex');
      if (used.has(name)) continue;
      used.add(name);
      const present = this.model.at(name, revision);
      const remove = present?.tombstone === false && this.random.chance(removals);
      this.add(this.change(revision, sub, remove, remove ? 0 : extra, key));
    }
  }

  removeAll(part: number): void {
    const revision = this.model.revision + 1;
    for (const [sub, { key }] of this.model.live(Buffer.alloc(0), undefined, revision).entries()) {
      if (this.random.chance(part)) this.add(this.change(revision, sub, true, 0, key));
    }
  }

  commit(): void {
    this.committed = this.random.int(this.committed, this.model.revision);
  }

  pop(): void {
    const revision = this.random.int(this.committed, this.model.revision);
    const popped: string[] = [];
    this.index.popAbove(revision, (v) => popped.push(show(v, this.index)));
    expect(popped).toEqual(this.model.popAbove(revision).map(shown));
  }

  compact(): void {
    this.compacted = this.random.int(this.compacted, this.committed);
    this.index.compactTo(this.compacted);
    this.#limit();
  }

  #limit(): void {
    const limit = Math.min(Infinity, ...this.#walks.map(({ revision }) => revision));
    this.index.setTrimLimit(limit);
    this.trimmed = Math.max(this.trimmed, Math.min(this.compacted, limit));
  }

  trim(): void {
    for (let steps = this.random.int(1, 5); steps > 0; steps--) this.index.trimStep(this.random.int(1, 40));
  }

  evacuate(): void {
    for (let steps = this.random.int(1, 8); steps > 0; steps--) {
      this.index.evacuateStep(this.random.int(1, 3000), this.committed);
    }
  }

  bulk(count: number): void {
    this.#finishWalks();
    this.index.beginBulk();
    for (let i = 0; i < count; i++) this.transaction(this.random.int(1, 3), 0.3, this.random.int(0, 20));
    this.commit();
    if (this.random.chance(0.5)) this.compact();
    this.transaction(5, 0.5, 3);
    this.index.endBulk();
  }

  range(): { from: Bytes; to: Bytes | undefined } {
    const from = this.random.chance(0.3) ? Buffer.alloc(0) : this.key();
    return { from, to: this.random.chance(0.3) ? undefined : this.key() };
  }

  openWalk(): void {
    const revision = this.random.int(Math.max(this.compacted, this.trimmed), this.committed);
    const { from, to } = this.range();
    const descending = this.random.chance(0.5);
    const expected = this.model.live(from, to, revision).map(shown);
    if (descending) expected.reverse();
    this.#walks.push({
      walk: this.index.walk(from, to, revision, descending),
      revision,
      expected,
      found: [],
    });
    this.#limit();
  }

  stepWalks(): void {
    for (const open of this.#walks) {
      const out = new Uint32Array(this.random.int(1, 50));
      const count = open.walk.next(out);
      for (const v of out.subarray(0, count)) open.found.push(show(v, this.index));
      expect(open.found).toEqual(open.expected.slice(0, open.found.length));
      if (open.walk.done) expect(open.found.length).toBe(open.expected.length);
    }
    this.#walks = this.#walks.filter(({ walk }) => !walk.done);
    this.#limit();
  }

  #finishWalks(): void {
    while (this.#walks.length > 0) this.stepWalks();
  }

  /** Compares everything that can be asked, at some revisions and ranges. */
  compare(): void {
    check(this.index);
    const readable = Math.max(this.compacted, this.trimmed);
    for (let i = 0; i < 4; i++) {
      const revision = this.random.int(readable, this.model.revision + 1);
      const { from, to } = this.range();
      const expected = this.model.live(from, to, revision).length;
      expect(this.index.count(from, to, revision)).toBe(expected);
      expect(this.index.countNewest(from, to)).toBe(this.model.live(from, to, Infinity).length);
      this.#comparePoint(revision);
    }
    const history: string[] = [];
    for (let p = this.index.historySeek(readable); p < this.index.historyEnd; p++) {
      history.push(show(this.index.historyAt(p), this.index));
    }
    expect(history).toEqual(this.model.changes.filter((c) => c.revision >= readable).map(shown));
    for (const { slice, copy } of this.#slices) expect(Buffer.compare(slice, copy)).toBe(0);
  }

  #comparePoint(revision: number): void {
    const key = this.key();
    const change = this.model.at(Buffer.from(key).toString('hex'), revision);
    const found = this.index.find(key);
    const v = found === NONE ? NONE : this.index.at(found, revision);
    if (change === undefined || change.tombstone) {
      expect(v === NONE || this.index.isTombstone(v)).toBe(true);
      return;
    }
    expect(v === NONE ? 'none' : show(v, this.index)).toBe(shown(change));
    expect(this.index.length(v)).toBe(change.length);
    if (!this.index.inMemory(v)) return;
    const last = this.segments.bytes(this.index.segment(v))[this.index.offset(v) + change.length - 1];
    expect(last).toBe((change.revision * 7 + change.sub) & 255);
  }

  /** After all that can be trimmed is: nothing more than the model needs exists, nor less. */
  finish(): void {
    this.#finishWalks();
    while (this.index.trimStep(this.random.int(1, 100)));
    for (let i = 0; i < 10_000 && this.index.evacuateStep(1000, this.committed); i++);
    this.compare();
    const existing = this.model.existing(this.trimmed);
    expect(this.index.versionCount).toBe(existing.length);
    expect(this.index.keyCount).toBe(new Set(existing.map(({ name }) => name)).size);
    const before = new Map<string, Change>();
    for (const change of existing) {
      const v = this.index.at(this.index.find(change.key), change.revision);
      expect(show(v, this.index)).toBe(shown(change));
      const previous = this.index.previous(v);
      expect(previous === NONE ? 'none' : show(previous, this.index)).toBe(shown(before.get(change.name)));
      before.set(change.name, change);
    }
  }
}

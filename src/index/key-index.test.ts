import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { KeyIndex, NONE, SEGMENT_BYTES, Segments } from './index.ts';
import { check } from '../../test/property/index-check.ts';

/** Adds a version of a key with a value of `valueLength` bytes. */
function put(
  { index, segments }: { index: KeyIndex; segments: Segments },
  key: string,
  revision: number,
  tombstone = false,
  valueLength = 8,
): number {
  const bytes = Buffer.from(key);
  const length = 2 + bytes.length + (tombstone ? 0 : valueLength);
  const place = segments.reserve(length);
  place.bytes[place.offset] = 0x0a;
  place.bytes[place.offset + 1] = bytes.length;
  place.bytes.set(bytes, place.offset + 2);
  place.bytes.fill(revision & 255, place.offset + 2 + bytes.length, place.offset + length);
  return index.add(place.segment, place.offset, length, revision, 0, tombstone);
}

function setUp(historyBytesInMemoryMax = Infinity): { index: KeyIndex; segments: Segments } {
  const segments = new Segments();
  return {
    segments,
    index: new KeyIndex(segments, { random: new SeededRandom(5), historyBytesInMemoryMax }),
  };
}

const kinds = ['pods', 'events', 'leases', 'configmaps', 'p'];

function kubernetesKey(n: number): string {
  const namespace = `ns-${n % 61}`;
  return `/registry/${kinds[n % kinds.length] ?? ''}/${namespace}/${'name-'.repeat(n % 4)}${(n * 7919) % 1_000_003}`;
}

describe('a tree of several levels', () => {
  test('grows in random order and is taken down to nothing again', () => {
    const at = setUp();
    const random = new SeededRandom(11);
    const order = Array.from({ length: 30_000 }, (_, n) => n);
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.int(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    let revision = 1;
    for (const [i, n] of order.entries()) {
      put(at, kubernetesKey(n), ++revision);
      if (i % 6000 === 0) check(at.index);
    }
    check(at.index);
    expect(at.index.tables.tree.height).toBeGreaterThanOrEqual(2);
    expect(at.index.countNewest(Buffer.from('/registry/pods/'), Buffer.from('/registry/pods0'))).toBe(6000);
    for (const [i, n] of order.entries()) {
      put(at, kubernetesKey(n), ++revision, true);
      at.index.compactTo(revision);
      while (at.index.trimStep(100));
      if (i % 3000 === 0) check(at.index);
    }
    put(at, 'last', ++revision);
    at.index.compactTo(revision);
    while (at.index.trimStep(100));
    check(at.index);
    expect(at.index.keyCount).toBe(1);
    expect(at.index.tables.tree.nodes.leaves.count).toBe(1);
    expect(at.index.tables.tree.nodes.inners.count).toBe(0);
  });

  test('a range taken out of the middle closes again', () => {
    const at = setUp();
    let revision = 1;
    const key = (n: number): string => `key-${String(n).padStart(8, '0')}`;
    for (let n = 0; n < 20_000; n++) put(at, key(n), ++revision);
    for (let n = 3000; n < 19_000; n++) put(at, key(n), ++revision, true);
    at.index.compactTo(++revision);
    while (at.index.trimStep(1000));
    check(at.index);
    for (let n = 18_999; n >= 3000; n -= 3) put(at, key(n), ++revision);
    check(at.index);
    expect(at.index.countNewest(Buffer.from(key(3000)), Buffer.from(key(19_000)))).toBe(5334);
  });
});

test('keys that arrive in order fill their leaves', () => {
  const at = setUp();
  for (let n = 0; n < 6400; n++) put(at, `key-${String(n).padStart(8, '0')}`, n + 2);
  expect(at.index.tables.tree.nodes.leaves.count).toBe(100);
});

test('a version of a key with many is found in few steps, also after trimming', () => {
  const at = setUp();
  const count = 100_000;
  for (let n = 2; n < count; n++) put(at, 'hot', n, false, 0);
  const versions = at.index.tables.versions;
  const original = versions.isAncestor.bind(versions);
  let steps = 0;
  versions.isAncestor = (a, v): boolean => {
    steps++;
    return original(a, v);
  };
  const findAll = (from: number): void => {
    for (let revision = from; revision < count; revision += 997) {
      steps = 0;
      expect(at.index.revision(at.index.at(at.index.find(Buffer.from('hot')), revision))).toBe(revision);
      expect(steps).toBeLessThan(100);
    }
  };
  findAll(2);
  at.index.compactTo(count / 2 + 77);
  while (at.index.trimStep(1000));
  for (let n = 0; n < count / 4; n++) put(at, `other-${n}`, count + n);
  findAll(count / 2 + 77);
  expect(at.index.at(at.index.find(Buffer.from('hot')), count / 2)).toBe(NONE);
});

describe('memory', () => {
  test('promise 8: overwritten values give their segments back after compaction', () => {
    const at = setUp();
    let revision = 1;
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 100; n++) put(at, `key-${n}`, ++revision, false, 10_000);
      at.index.compactTo(revision);
      while (at.index.trimStep(50));
      while (at.index.evacuateStep(50, revision));
    }
    check(at.index);
    expect(at.segments.bytesTotal).toBeLessThan(6 * SEGMENT_BYTES);
  });

  test('promise 8: superseded values beyond the bound leave memory, oldest first', () => {
    const at = setUp(SEGMENT_BYTES);
    let revision = 1;
    for (let n = 0; n < 2000; n++) put(at, `key-${n % 100}`, ++revision, false, 10_000);
    while (at.index.evacuateStep(50, revision));
    check(at.index);
    expect(at.index.supersededBytesInMemory).toBeLessThanOrEqual(SEGMENT_BYTES);
    expect(at.segments.bytesTotal).toBeLessThan(6 * SEGMENT_BYTES);
    const inMemory = Array.from({ length: 2000 }, (_, i) => at.index.inMemory(at.index.historyAt(i)));
    expect(inMemory.lastIndexOf(false)).toBeLessThan(inMemory.indexOf(true) + 1);
  });

  test('a value that only a proposed one supersedes stays and can be taken back', () => {
    const at = setUp(0);
    const key = 'key';
    const first = put(at, key, 2, false, 100);
    put(at, key, 3, false, 100);
    while (at.index.evacuateStep(50, 2));
    expect(at.index.inMemory(first)).toBe(true);
    const popped: number[] = [];
    at.index.popAbove(2, (v) => popped.push(at.index.revision(v)));
    expect(popped).toEqual([3]);
    expect(at.index.newest(at.index.find(Buffer.from(key)))).toBe(first);
    check(at.index);
  });

  test('columns, hash and tree cost at most 85 bytes a key', () => {
    const at = setUp();
    const random = new SeededRandom(3);
    for (let n = 0; n < 200_000; n++) put(at, random.next63().toString(36), n + 2);
    expect(at.index.memoryBytes() / at.index.keyCount).toBeLessThan(85);
  });
});

test('a bulk load orders keys that differ only in how many zeros they end with', () => {
  const at = setUp();
  at.index.beginBulk();
  for (let n = 0; n < 100; n++) put(at, 'z'.padEnd(1 + ((n * 37) % 100), '\0'), n + 2);
  at.index.endBulk();
  check(at.index);
  expect(at.index.keyCount).toBe(100);
});

test('a removal below the compacted revision is not kept by a replay', () => {
  const at = setUp();
  at.index.compactTo(10);
  at.index.beginBulk();
  put(at, 'gone', 4);
  put(at, 'kept', 5);
  expect(put(at, 'gone', 6, true)).toBe(NONE);
  put(at, 'atTheRevision', 9);
  put(at, 'atTheRevision', 10, true);
  at.index.endBulk();
  check(at.index);
  expect(at.index.find(Buffer.from('gone'))).toBe(NONE);
  expect(at.index.isTombstone(at.index.newest(at.index.find(Buffer.from('atTheRevision'))))).toBe(true);
  expect(at.index.versionCount).toBe(2);
  expect(at.index.historyEnd - at.index.historyStart).toBe(1);
});

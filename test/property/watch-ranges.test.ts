import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { SeededRandom } from '../../src/base/index.ts';
import { RangeIndex } from '../../src/watch/range-index.ts';
import { Watcher } from '../../src/watch/watcher.ts';
import type { Outlet } from '../../src/watch/watcher.ts';

// Goal: the index of watched ranges finds exactly the ranges that contain a key, after any adding and removing. Method:
// compared with looking at each.

const stream: Outlet = {
  isReady: true,
  takes: () => true,
  isClosed: false,
  stalled: new Set(),
  catchingUp: 0,
  sendEvents: () => undefined,
  fail: () => undefined,
};

const key = fc.stringMatching(/^[abc\xff]{1,3}$/);
const range = fc.record({ key, end: fc.oneof(key, fc.constant(undefined)), isSingle: fc.boolean() });
const change = fc.oneof(
  { weight: 3, arbitrary: range.map((add) => ({ add, remove: 0 })) },
  { weight: 2, arbitrary: fc.nat(1000).map((remove) => ({ add: undefined, remove })) },
);
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function isInside(watcher: Watcher, name: Buffer): boolean {
  if (watcher.isSingle) return watcher.key.toString() === name.toString();
  const isAbove = Buffer.compare(name, watcher.key) >= 0;
  return isAbove && (watcher.end === undefined || Buffer.compare(name, watcher.end) < 0);
}

test.prop([fc.array(change, { maxLength: 80, size: 'max' }), fc.array(key, { minLength: 5 }), fc.nat()])(
  'a key finds the ranges that contain it, and no other',
  (changes, keys, seed) => {
    const index = new RangeIndex(new SeededRandom(seed));
    const present: Watcher[] = [];
    for (const { add, remove } of changes) {
      if (add === undefined) {
        const [gone] = present.splice(remove % Math.max(present.length, 1), 1);
        if (gone !== undefined) index.remove(gone);
      } else if (add.isSingle || add.end === undefined || add.key < add.end) {
        const { isSingle } = add;
        const end = isSingle || add.end === undefined ? undefined : bytes(add.end);
        const fields = { id: 0, shape: 0, fragment: false, startRevision: 0, next: 1 };
        const watcher = new Watcher(stream, { key: bytes(add.key), end, isSingle, ...fields });
        index.add(watcher);
        present.push(watcher);
      }
    }
    expect(index.size).toBe(present.length);
    for (const name of keys.map(bytes)) {
      const padded = Buffer.concat([bytes('aa'), name, bytes('b')]);
      index.match(padded, 2, name.length);
      const found = index.matches.flatMap((node) => node.variants.flatMap((variant) => variant.watchers));
      expect(new Set(found)).toEqual(new Set(present.filter((watcher) => isInside(watcher, name))));
      expect(found).toHaveLength(new Set(found).size);
    }
    for (let left = present.length; left > 0; left--) {
      const watcher = index.any();
      expect(watcher).toBeDefined();
      if (watcher !== undefined) index.remove(watcher);
    }
    expect(index.any()).toBeUndefined();
  },
);

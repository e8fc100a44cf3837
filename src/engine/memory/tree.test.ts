import { expect, test } from 'vitest';
import { compareBytes, SeededRandom } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { CowTree } from './tree.ts';
import type { FrozenTree, RunsRange } from './tree.ts';

/** Goal: the tree is a sorted map, and a frozen one never changes. Method: random changes beside a plain Map. */

function keyOf(n: number): Buffer {
  return Buffer.from(`common/prefix/${String(n).padStart(6, '0')}`);
}

function entries(tree: FrozenTree, range: RunsRange): string[] {
  const found: string[] = [];
  for (const { keys, values, from, to } of tree.runs(range)) {
    const run: string[] = [];
    for (let i = from; i < to; i++) run.push(`${text(keys[i]!)}=${text(values[i]!)}`);
    found.push(...(range.reverse ? run.reverse() : run));
  }
  return found;
}

function text(bytes: Bytes): string {
  return Buffer.from(bytes).toString('latin1');
}

function expected(model: ReadonlyMap<string, string>, range: RunsRange): string[] {
  const inside = [...model].filter(([name]) => {
    const key = Buffer.from(name);
    return compareBytes(key, range.gte) >= 0 && compareBytes(key, range.lt) < 0;
  });
  inside.sort(([a], [b]) => (a < b ? -1 : 1));
  const list = inside.map(([name, value]) => `${name}=${value}`);
  return range.reverse ? list.reverse() : list;
}

for (const [order, keyCount] of [
  ['random', 3000],
  ['rising', 100_000],
] as const) {
  test(`random changes in ${order} order agree with a sorted map, and frozen trees stay as they were`, () => {
    const random = new SeededRandom(keyCount);
    const tree = new CowTree();
    const model = new Map<string, string>();
    const frozen: { tree: FrozenTree; model: Map<string, string> }[] = [];
    for (let step = 0; step < 12_000; step++) {
      const key = keyOf(
        order === 'rising' && random.chance(0.7) ? step : random.int(0, Math.min(step, keyCount)),
      );
      const name = text(key);
      // Growing, then shrinking to next to nothing.
      if (random.chance(step < 6000 ? 0.3 : 0.8)) {
        const removed = tree.delete(key);
        expect(removed === undefined ? undefined : text(removed)).toBe(model.get(name));
        model.delete(name);
      } else {
        const replaced = tree.set(key, Buffer.from(`${step}`));
        expect(replaced === undefined ? undefined : text(replaced)).toBe(model.get(name));
        model.set(name, `${step}`);
      }
      if (step % 1000 === 500) frozen.push({ tree: tree.freeze(), model: new Map(model) });
    }
    frozen.push({ tree: tree.freeze(), model });
    for (const { tree: state, model: then } of frozen) {
      expect(then.size).toBeGreaterThan(10);
      for (let i = 0; i < 10; i++) {
        const range = {
          gte: keyOf(random.int(0, 3000)),
          lt: keyOf(random.int(0, 20_000)),
          reverse: i % 2 === 1,
        };
        expect(entries(state, range)).toEqual(expected(then, range));
      }
      const all = { gte: Buffer.from([0]), lt: Buffer.from([0xff]), reverse: false };
      expect(entries(state, all)).toEqual(expected(then, all));
      for (const [name, value] of then) expect(text(state.get(Buffer.from(name))!)).toBe(value);
    }
  });
}

test('emptied to the last key, it starts anew', () => {
  const tree = new CowTree();
  for (let i = 0; i < 10_000; i++) tree.set(keyOf(i), Buffer.from(`${i}`));
  const before = tree.freeze();
  for (let i = 0; i < 10_000; i++) expect(tree.delete(keyOf(i))).toBeDefined();
  const all = { gte: Buffer.from([0]), lt: Buffer.from([0xff]), reverse: false };
  expect(entries(tree.freeze(), all)).toEqual([]);
  expect(tree.delete(keyOf(0))).toBeUndefined();
  tree.set(keyOf(7), Buffer.from('again'));
  expect(entries(tree.freeze(), all)).toEqual(['common/prefix/000007=again']);
  expect(entries(before, all)).toHaveLength(10_000);
});

/** Goal: what was put is found, by its octets alone, until it is cleared; two blocks in use do not throw each other out. */

import { expect, test } from 'vitest';
import { BlockCache } from './block-cache.ts';

const blocks = Array.from({ length: 200 }, (_, octet) => Uint8Array.of(octet, 7));
const fields = blocks.map((_, octet) => ['octet', String(octet)]);

function get(cache: BlockCache, block: Uint8Array): readonly string[] | undefined {
  return cache.get(block, 0, block.length);
}

test('any two blocks are remembered side by side, also those of one slot', () => {
  for (let one = 0; one < blocks.length; one++) {
    for (let other = 0; other < one; other++) {
      const cache = new BlockCache();
      cache.put(blocks[one]!, 0, 2, fields[one]!);
      cache.put(blocks[other]!, 0, 2, fields[other]!);
      const isFound = [one, other].every((octet) => get(cache, blocks[octet]!) === fields[octet]);
      // Twenty thousand expectations would take longer than the rest.
      if (!isFound) throw new Error(`${one} and ${other} throw each other out`);
    }
  }
});

test('a number of blocks is remembered, and never with the wrong fields', () => {
  const cache = new BlockCache();
  for (const [at, block] of blocks.entries()) cache.put(block, 0, 2, fields[at]!);
  const found = blocks.map((block) => get(cache, block));
  for (const [at, one] of found.entries()) expect([undefined, fields[at]]).toContain(one);
  const count = found.filter((one) => one !== undefined).length;
  expect(count).toBeGreaterThan(16);
  expect(count).toBeLessThanOrEqual(32);
});

test('a block is no other of which it is the beginning', () => {
  const cache = new BlockCache();
  for (const length of [1, 2, 3]) {
    const block = new Uint8Array(length);
    expect(get(cache, block)).toBeUndefined();
    cache.put(block, 0, length, [String(length)]);
    expect(get(cache, block)).toEqual([String(length)]);
  }
});

test('long blocks are not remembered', () => {
  const cache = new BlockCache();
  for (const [length, expected] of [
    [128, ['name', 'value']],
    [129, undefined],
  ] as const) {
    const block = new Uint8Array(length);
    cache.put(block, 0, length, ['name', 'value']);
    expect(get(cache, block)).toEqual(expected);
  }
});

test('nothing is left after clear', () => {
  const cache = new BlockCache();
  for (const [at, block] of blocks.entries()) cache.put(block, 0, 2, fields[at]!);
  cache.clear();
  expect(blocks.every((block) => get(cache, block) === undefined)).toBe(true);
});

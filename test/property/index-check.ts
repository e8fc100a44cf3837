import { assert } from '../../src/base/index.ts';
import type { KeyIndex } from '../../src/index/index.ts';
import { NONE } from '../../src/index/index.ts';
import * as layout from '../../src/index/tree-nodes.ts';

/**
 * Checks what must hold inside the index at any time: the order of the tree, its counts, prefixes, cached words, links
 * and number of nodes; that hash, tree and columns know the same keys; that accounts of bytes add up.
 */
export function check(index: KeyIndex): void {
  const { tree, keys, versions, hash, hasher, segments } = index.tables;
  const seen: number[] = [];
  const leaves: number[] = [];
  let inners = 0;

  const visit = (node: number, level: number): { entries: number; live: number; smallest: number } => {
    const pool = level === 0 ? tree.nodes.leaves : tree.nodes.inners;
    const block = pool.block(node);
    const base = pool.base(node);
    const count = block[base + layout.COUNT]!;
    checkWords(level === 0, block, base, count);
    if (level === 0) {
      leaves.push(node);
      let live = 0;
      for (let i = 0; i < count; i++) {
        const slot = block[base + layout.SLOTS + i]!;
        seen.push(slot >>> 1);
        live += slot & 1;
        assert((slot & 1) === (versions.isTombstone(keys.newest(slot >>> 1)) ? 0 : 1), 'live bits are true');
      }
      return { entries: count, live, smallest: block[base + layout.SLOTS]! >>> 1 };
    }
    inners++;
    assert(count > 0, 'inner nodes have children');
    const sum = { entries: 0, live: 0, smallest: NONE };
    for (let i = 0; i < count; i++) {
      const below = visit(block[base + layout.CHILD + i]!, level - 1);
      assert(below.entries > 0, 'no empty leaf hangs in the tree');
      assert(block[base + layout.ENTRIES + i] === below.entries, 'entries are counted');
      assert(block[base + layout.LIVE + i] === below.live, 'live keys are counted');
      if (i > 0)
        assert(block[base + layout.SLOTS + i]! >>> 1 === below.smallest, 'separators are smallest keys');
      else sum.smallest = below.smallest;
      sum.entries += below.entries;
      sum.live += below.live;
    }
    return sum;
  };

  const checkWords = (leaf: boolean, block: Uint32Array, base: number, count: number): void => {
    const from = leaf ? 0 : 1;
    const cache = base + (leaf ? layout.LEAF_CACHE : layout.INNER_CACHE);
    if (count <= from) return;
    const prefix = block[base + layout.PREFIX]!;
    const first = block[base + layout.SLOTS + from]! >>> 1;
    for (let i = from; i < count; i++) {
      const key = block[base + layout.SLOTS + i]! >>> 1;
      assert(keys.commonPrefix(first, key, 0) >= prefix, 'the prefix of a node is common');
      assert(keys.word(key, prefix) === block[cache + i], 'cached words are true');
    }
  };

  visit(tree.root, tree.height);
  assert(leaves.length === tree.nodes.leaves.count, 'unused leaves are returned');
  assert(inners === tree.nodes.inners.count, 'unused inner nodes are returned');
  for (const [i, leaf] of leaves.entries()) {
    assert(tree.leafPrevious(leaf) === (leaves[i - 1] ?? NONE), 'leaves are linked backwards');
    assert(tree.leafNext(leaf) === (leaves[i + 1] ?? NONE), 'leaves are linked forwards');
  }
  for (let i = 1; i < seen.length; i++) {
    assert(keys.compare(seen[i - 1]!, seen[i]!, 0) < 0, 'keys are in order');
  }
  assert(seen.length === keys.count, 'the tree knows every key');
  for (const key of seen) {
    const bytes = index.keyBytes(key);
    const found = hash.find(bytes, 0, bytes.length, hasher.of(bytes, 0, bytes.length));
    assert(found === key, 'the hash knows every key');
  }
  checkBytes(index);
  assert(segments.bytesTotal >= 0, 'segments are accounted');
}

function checkBytes(index: KeyIndex): void {
  const { keys, versions, segments } = index.tables;
  const used = new Map<number, number>();
  let live = 0;
  let history = 0;
  let superseded = 0;
  let count = 0;
  for (let v = 0; v < versions.end; v++) {
    const key = versions.key(v);
    if (key === NONE) continue;
    count++;
    const length = versions.length(v);
    const isNewest = keys.newest(key) === v;
    if (isNewest && !versions.isTombstone(v)) live += length;
    else history += length;
    const segment = versions.segment(v);
    assert(!isNewest || segment !== NONE, 'a newest version is in memory');
    if (segment === NONE) continue;
    if (!isNewest) superseded += length;
    used.set(segment, (used.get(segment) ?? 0) + length);
  }
  assert(count === versions.count, 'versions are counted');
  assert(live === index.liveBytes, 'live bytes are counted');
  assert(history === index.historyBytes, 'history bytes are counted');
  assert(superseded === index.supersededBytesInMemory, 'superseded bytes in memory are counted');
  for (let s = segments.nextFrom(0); s < segments.end; s = segments.nextFrom(s + 1)) {
    assert(segments.used(s) === (used.get(s) ?? 0), 'used bytes of a segment are counted');
    used.delete(s);
  }
  assert(used.size === 0, 'no version refers to a dropped segment');
}

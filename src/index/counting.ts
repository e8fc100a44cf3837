import type { Bytes } from '../base/index.ts';
import { compareBytes } from '../base/index.ts';
import { NONE } from './constants.ts';
import { RangeWalk } from './range-walk.ts';
import type { Tables } from './tables.ts';

/** Looking at a version of the history costs about as much as visiting this many keys in order. */
const HISTORY_COST = 4;

/** Live keys in the range by the newest versions, proposed ones included: O(log n). */
export function countNewest(tables: Tables, from: Bytes, to: Bytes | undefined): number {
  if (to !== undefined && compareBytes(from, to) >= 0) return 0;
  const { tree } = tables;
  tree.rank(from);
  const before = tree.liveBefore;
  tree.rank(to);
  return tree.liveBefore - before;
}

/** Live keys in the range at a revision, counted the shorter way: by what has changed since, or by visiting them. */
export function countAt(tables: Tables, from: Bytes, to: Bytes | undefined, revision: number): number {
  if (to !== undefined && compareBytes(from, to) >= 0) return 0;
  const { tree, history } = tables;
  tree.rank(from);
  const { entriesBefore, liveBefore } = tree;
  tree.rank(to);
  const entries = tree.entriesBefore - entriesBefore;
  const live = tree.liveBefore - liveBefore;
  const first = history.seek(revision + 1);
  if ((history.end - first) * HISTORY_COST <= entries) {
    return live - liveSince(tables, from, to, revision, first);
  }
  const walk = new RangeWalk(tables, from, to, revision, false);
  const found = new Uint32Array(256);
  let count = 0;
  while (!walk.done) count += walk.next(found);
  return count;
}

/** By how many the live keys of the range have grown through the versions of the history from `first` on. */
function liveSince(
  tables: Tables,
  from: Bytes,
  to: Bytes | undefined,
  revision: number,
  first: number,
): number {
  const { history, versions, keys, tree } = tables;
  let grown = 0;
  for (let position = first; position < history.end; position++) {
    const v = history.at(position);
    const previous = versions.previous(v);
    // Each key counts once, at its first version above the revision.
    if (previous !== NONE && versions.revision(previous) > revision) continue;
    const key = versions.key(v);
    const live = versions.isTombstone(keys.newest(key)) ? 0 : 1;
    const wasLive = previous === NONE || versions.isTombstone(previous) ? 0 : 1;
    if (live === wasLive) continue;
    tree.nodes.setProbe(from, 0, from.length);
    if (tree.nodes.compare(key, 0) > 0) continue;
    if (to !== undefined) {
      tree.nodes.setProbe(to, 0, to.length);
      if (tree.nodes.compare(key, 0) <= 0) continue;
    }
    grown += live - wasLive;
  }
  return grown;
}

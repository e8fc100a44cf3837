import type { Bytes } from '../base/index.ts';
import type { Steps } from './slices.ts';
import type { ReadParts } from './view.ts';

/** Up to so much history or so many keys, the index counts in one go. */
const AT_ONCE_MAX = 2048;

/**
 * How many keys of [from, to) live at `revision`. Exact. From the tree's counts corrected by the history since then when
 * that is short, from what the page before knew, or by walking.
 */
export function* countSteps(
  parts: ReadParts,
  from: Bytes,
  to: Bytes | undefined,
  revision: number,
): Steps<number> {
  const { index } = parts;
  const remembered = parts.counts.get(revision, from, to);
  if (remembered !== undefined) return remembered;
  const since = index.historyEnd - index.historySeek(revision + 1);
  if (since <= AT_ONCE_MAX || index.countNewest(from, to) + since <= AT_ONCE_MAX) {
    return index.count(from, to, revision);
  }
  const walk = index.walk(from, to, revision);
  const ids = new Uint32Array(128);
  let count = 0;
  while (!walk.done) {
    const found = walk.next(ids);
    count += found;
    if (parts.budget.spend(found + 16)) yield undefined;
  }
  return count;
}

import type { Change, History, Watched } from './history.ts';
import { describe, isSame } from './truth.ts';
import type { Truth } from './truth.ts';

/** A watcher that wants a leader is told when there is none, and comes again. */
const EXPECTED_ENDS = [/no leader/];

/** Every watcher saw everything once and in order up to the end, and nothing that its progress said to be over. */
export function judgeWatches({ watched }: History, truth: Truth): string[] {
  const byWatcher = new Map<number, Watched[]>();
  for (const one of watched) {
    const of = byWatcher.get(one.watcher);
    if (of === undefined) byWatcher.set(one.watcher, [one]);
    else of.push(one);
  }
  const violations = truth.end === undefined ? ['no watcher saw the end'] : [];
  for (const responses of byWatcher.values()) violations.push(...judgeWatcher(responses, truth));
  return violations;
}

function judgeWatcher(responses: readonly Watched[], truth: Truth): string[] {
  const [{ watcher, endpoint }] = responses as [Watched];
  const who = `watcher ${watcher} at ${endpoint < 0 ? 'all endpoints' : `endpoint ${endpoint}`}`;
  const violations: string[] = [];
  let progress = 0;
  const seen: Change[] = [];
  for (const { kind, changes, revision, error } of responses) {
    if (kind === 'watch-ended' && !EXPECTED_ENDS.some((pattern) => pattern.test(error ?? '')))
      violations.push(`${who} was ended: ${error}`);
    for (const change of changes) {
      if (change.revision <= progress)
        violations.push(`${who} saw ${describe(change)} after progress at ${progress}`);
    }
    seen.push(...changes);
    if (kind === 'watched' && changes.length === 0) progress = Math.max(progress, revision);
  }
  const difference = firstDifference(seen, truth.changes);
  if (difference !== undefined) violations.push(`${who} ${difference}`);
  return violations;
}

/** What is wrong at the first place where what was seen is not what happened. */
function firstDifference(seen: readonly Change[], changes: readonly Change[]): string | undefined {
  for (let at = 0; at < changes.length; at++) {
    const [is, should] = [seen[at], changes[at]!];
    if (is !== undefined && isSame(is, should)) continue;
    if (is === undefined) return `has not seen the end: it lacks ${describe(should)} and what came after`;
    const before = changes.slice(0, at).some((change) => isSame(change, is));
    if (before) return `saw ${describe(is)} again, where ${describe(should)} was next`;
    const later = seen.slice(at).some((change) => isSame(change, should));
    return later
      ? `saw ${describe(is)} before ${describe(should)}: out of order`
      : `lost ${describe(should)}, and saw ${describe(is)} then`;
  }
  return undefined;
}

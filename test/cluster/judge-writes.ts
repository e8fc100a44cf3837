import type { History } from './history.ts';
import { describe } from './truth.ts';
import type { Truth } from './truth.ts';

/** What a client may be told of a cluster whose leader goes away. */
const EXPECTED_ERRORS = [
  /etcdserver: request timed out/,
  /etcdserver: leader changed/,
  /etcdserver: no leader/,
  /etcdserver: server stopped/,
  /etcdserver: too many requests/,
  /context deadline exceeded/,
  /code = Unavailable/,
  /code = DeadlineExceeded/,
  // What the client makes of Unavailable when it knows its text.
  /(connection refused|connection reset|error reading from server|transport is closing|connection error)/,
];

/** A call that failed so had no effect. */
const WITHOUT_EFFECT = /etcdserver: leader changed/;

/**
 * Every acknowledged write is there, at its revision, as it was sent; nothing is there that nobody wrote, and nothing
 * twice, acknowledged or not; what failed as without effect has none; nothing fails but as a cluster in trouble may.
 */
export function judgeWrites({ puts, gets, leases }: History, truth: Truth): string[] {
  const violations: string[] = [];
  const byValue = new Map(puts.map((put) => [put.value, put]));
  const placeOf = new Map<string, number>();
  for (const change of truth.changes) {
    if (change.deleted) continue;
    const put = byValue.get(change.value);
    if (WITHOUT_EFFECT.test(put?.error ?? ''))
      violations.push(`${describe(change)} was refused as without effect: ${put?.error}`);
    if (put?.key !== change.key) violations.push(`nobody wrote ${describe(change)}`);
    const before = placeOf.get(change.value);
    if (before !== undefined) violations.push(`${describe(change)} was written before, at ${before}`);
    placeOf.set(change.value, change.revision);
  }
  const end = truth.end?.revision ?? Infinity;
  for (const { key, value, revision, error } of puts) {
    if (error !== undefined || revision > end) continue;
    const there = placeOf.get(value);
    if (there === revision) continue;
    const found = there === undefined ? 'nowhere' : `at ${there}`;
    violations.push(
      `the acknowledged write of ${key}=${value.slice(0, 12)} at ${revision} is lost: it is ${found}`,
    );
  }
  const errors = [...puts, ...gets, ...leases].flatMap(({ error }) => (error === undefined ? [] : [error]));
  for (const error of new Set(errors)) {
    if (!EXPECTED_ERRORS.some((pattern) => pattern.test(error)))
      violations.push(`a call failed otherwise: ${error}`);
  }
  return violations;
}

import type { History } from './history.ts';
import { describe } from './truth.ts';
import type { Truth } from './truth.ts';

export interface LeaseExpectations {
  /**
   * How long after its time a lease that nobody keeps alive may last. Absent: leaders change, and each one begins the
   * time of all leases anew, as etcd's do.
   */
  readonly overdueMsMax?: number;
}

/** A lease that is kept alive stays, with its key; one that is not ends, and not before its time. */
export function judgeLeases(history: History, truth: Truth, expectations: LeaseExpectations = {}): string[] {
  const { leases, watched } = history;
  const violations = leases
    .filter(({ kind }) => kind === 'lost')
    .map(({ key }) => `the lease of ${key} was lost though it was kept alive`);
  const deletedMs = new Map<string, number>();
  for (const { atMs, changes } of watched)
    for (const { key, deleted } of changes)
      if (deleted) deletedMs.set(key, Math.min(atMs, deletedMs.get(key) ?? Infinity));
  const lastMs = watched.at(-1)?.atMs ?? 0;
  for (const { kind, holder, key, startMs, endMs, ttlSeconds, error } of leases) {
    if (kind !== 'grant' || error !== undefined) continue;
    const goneMs = deletedMs.get(key);
    if (holder >= 0) {
      const deletion = truth.of(key).find(({ deleted }) => deleted);
      if (deletion !== undefined)
        violations.push(`${describe(deletion)} came though its lease was kept alive`);
      continue;
    }
    const ttlMs = ttlSeconds * 1000;
    if (goneMs !== undefined && goneMs < startMs + ttlMs)
      violations.push(`${key} went ${Math.round(startMs + ttlMs - goneMs)} ms before its lease was over`);
    const overdueMs = (goneMs ?? lastMs) - (endMs + ttlMs);
    const wasPut = truth.of(key).length > 0;
    if (wasPut && expectations.overdueMsMax !== undefined && overdueMs > expectations.overdueMsMax)
      violations.push(`${key} was there ${Math.round(overdueMs)} ms after its lease was over`);
  }
  return violations;
}

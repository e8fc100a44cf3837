import type { Mvcc } from './mvcc.ts';
import type { Row } from './records.ts';

const all = { start: Buffer.alloc(0), end: Buffer.alloc(0) };

/** Removes what no read at or above the safe point can see. Answers how many locks from before it were left. */
export function collect(mvcc: Mvcc, safePoint: bigint): number {
  let older = 0;
  for (const row of mvcc.rows.range(all)) {
    if (row.lock !== undefined && row.lock.startTs <= safePoint) older++;
    collectRow(row, safePoint);
  }
  mvcc.rows.prune();
  mvcc.safePoint = safePoint;
  return older;
}

function collectRow(row: Row, safePoint: bigint): void {
  let isCovered = false;
  const kept = row.writes.filter((write) => {
    if (write.commitTs > safePoint) return true;
    if (isCovered || write.kind === 'rollback' || write.kind === 'lock') return false;
    isCovered = true;
    return write.kind === 'put';
  });
  row.writes.splice(0, row.writes.length, ...kept);
}

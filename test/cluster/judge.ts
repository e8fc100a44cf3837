import type { History } from './history.ts';
import { judgeLeases } from './judge-leases.ts';
import type { LeaseExpectations } from './judge-leases.ts';
import { judgeOrder } from './judge-order.ts';
import { judgeReads } from './judge-reads.ts';
import { judgeWatches } from './judge-watches.ts';
import { judgeWrites } from './judge-writes.ts';
import { Truth } from './truth.ts';

/** Everything that is wrong in what a load saw, each in a sentence. */
export function judge(history: History, expectations: LeaseExpectations = {}): string[] {
  const { truth, violations } = Truth.of(history);
  return [
    ...violations,
    ...judgeWrites(history, truth),
    ...judgeOrder(history),
    ...judgeReads(history, truth),
    ...judgeWatches(history, truth),
    ...judgeLeases(history, truth, expectations),
  ];
}

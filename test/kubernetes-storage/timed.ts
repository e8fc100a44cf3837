/**
 * Tests that bound what the machine takes, not what the server answers, by name of the program and the test, with the bound.
 * They fail on a busy machine, with etcd too: one that does is run again, alone.
 */
const clock = 'it gives a goroutine of its own, and the requests that it makes, 100 ms';
const reads = 'it counts reads, and 1 s after its begin the compactor of its own setup reads too';

export const timed: ReadonlyMap<string, string> = new Map([
  ['etcd3.test TestCompact', clock],
  ['etcd3.test TestCompactConflict', clock],
  ['etcd3.test TestListContinuation', reads],
  ['etcd3.test TestListContinuationWithFilter', reads],
  ['etcd3.test TestListPaginationRareObject', reads],
]);

/** How often one is run again before it counts as failed. */
export const REPEATS_MAX = 3;

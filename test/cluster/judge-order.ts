import type { Get, History, Put } from './history.ts';

/**
 * What ended before something else began is older: a write that began later has a higher revision than all that had
 * ended before, and a linearizable read has at least theirs. Calls that failed say nothing.
 */
export function judgeOrder({ puts, gets }: History): string[] {
  const calls: (Put | Get)[] = [
    ...puts.filter(({ error }) => error === undefined),
    ...gets.filter(({ error, isSerializable }) => error === undefined && !isSerializable),
  ];
  const byStart = calls.toSorted((a, b) => a.startMs - b.startMs);
  const byEnd = calls.toSorted((a, b) => a.endMs - b.endMs);
  const violations: string[] = [];
  let ended = 0;
  let newest: Put | Get | undefined;
  for (const call of byStart) {
    for (; ended < byEnd.length && byEnd[ended]!.endMs < call.startMs; ended++) {
      if (newest === undefined || byEnd[ended]!.revision > newest.revision) newest = byEnd[ended]!;
    }
    if (newest === undefined) continue;
    const isRight = call.kind === 'put' ? call.revision > newest.revision : call.revision >= newest.revision;
    if (!isRight)
      violations.push(
        `${call.kind} at ${place(call)} has revision ${call.revision}, and began ${(call.startMs - newest.endMs).toFixed(3)} ms after ` +
          `the end of a ${newest.kind} at ${place(newest)} with ${newest.revision}` +
          (call.kind === 'get' ? ': a stale read' : ': out of order'),
      );
  }
  return violations;
}

const place = ({ endpoint }: Put | Get): string => (endpoint < 0 ? 'any endpoint' : `endpoint ${endpoint}`);

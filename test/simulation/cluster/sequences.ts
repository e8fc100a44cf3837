import type { CallRecord } from '../history.ts';
import { show } from '../history.ts';
import type { Oracle } from '../oracle.ts';

/** The state after one entry, as far as it takes no revision of its own. */
interface Step {
  readonly landedMs: number;
  readonly revision: number;
  readonly compacted: number;
  readonly leases: string;
}

/**
 * Strict serializability of what takes no revision: leases and compactions. Every answer that names them gets a place in
 * the log, not before what had been shown to anybody when its call began. As lower bounds are all there is, taking the
 * first place that explains an answer is as good as trying all (promise 4).
 */
export function checkSequences(oracle: Oracle, records: readonly CallRecord[]): void {
  const steps = stepsOf(oracle);
  const places = new Map<CallRecord, number>();
  let shown = 0;
  const moments: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  for (const { atMs, revision } of oracle.sightings)
    moments.push({ atMs, order: 1, run: () => (shown = Math.max(shown, stepOf(steps, revision))) });
  for (const record of records) {
    if (record.answer.kind === 'unknown') continue;
    const begin = () => places.set(record, place(oracle, steps, { record, from: shown }));
    const end = () => (shown = Math.max(shown, places.get(record) ?? 0));
    // What ended at the instant another call began is concurrent with it, hence the beginning first.
    moments.push({ atMs: record.startMs, order: 0, run: begin }, { atMs: record.endMs, order: 2, run: end });
  }
  moments.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
  for (const { run } of moments) run();
}

function stepsOf(oracle: Oracle): Step[] {
  const steps: Step[] = [{ landedMs: 0, revision: 1, compacted: 0, leases: '' }];
  const leases = new Set<bigint>();
  for (const { kind, lease, number, revision, sequence } of oracle.entries) {
    const last = steps.at(-1)!;
    if (kind === 'grant') leases.add(lease);
    if (kind === 'revoke') leases.delete(lease);
    const landedMs = oracle.sequenceLandedMs.get(sequence)!;
    steps.push({
      landedMs,
      revision: Math.max(last.revision, revision),
      compacted: kind === 'compact' ? Math.max(last.compacted, number) : last.compacted,
      leases: kind === 'grant' || kind === 'revoke' ? [...leases].sort().join() : last.leases,
    });
  }
  return steps;
}

/** The first step that has the revision. */
function stepOf(steps: readonly Step[], revision: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]!.revision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the answer belongs; 0 when it says nothing of that. */
function place(
  oracle: Oracle,
  steps: readonly Step[],
  { record, from }: { readonly record: CallRecord; readonly from: number },
): number {
  const { call, answer } = record;
  if (call.kind === 'hash' || (call.kind === 'read' && call.serializable))
    return 'revision' in answer ? stepOf(steps, answer.revision) : 0;
  if (!('revision' in answer)) return 0;
  const explains = explanation(record);
  if (explains === undefined) return stepOf(steps, answer.revision);
  for (let i = Math.max(from, 1); i < steps.length && steps[i]!.landedMs <= record.endMs; i++)
    if (explains(steps[i]!, steps[i - 1]!)) return i;
  oracle.fail(
    `promise 4: no state from revision ${steps[from]!.revision}, compacted ${steps[from]!.compacted}, leases ${steps[from]!.leases} on explains ${show(record)}`,
  );
  return 0;
}

/** Undefined: only its revision places it. */
function explanation({ call, answer }: CallRecord): ((step: Step, before: Step) => boolean) | undefined {
  switch (call.kind) {
    case 'grant':
    case 'revoke': {
      const has = (step: Step) => step.leases.split(',').includes(String(call.lease));
      return (step, before) => has(step) === (call.kind === 'grant') && has(before) !== has(step);
    }
    case 'compact':
      return (step, before) => step.compacted === call.revision && before.compacted < call.revision;
    case 'leases':
      return (step) =>
        answer.kind === 'leases' && step.revision === answer.revision && step.leases === answer.ids;
    case 'read':
      if (call.revision === 0 || answer.kind !== 'read') return undefined;
      return (step) => step.revision === answer.revision && step.compacted <= call.revision;
    default:
      return undefined;
  }
}

/**
 * Bugs that the simulator plants to show that it finds them. No production code passes any: the set is empty by default.
 *
 * - `uncertain-is-failed`: an uncertain commit is taken for one without effect.
 * - `publish-before-commit`: a group is shown and applied when it is sent.
 * - `drop-tombstone-in-cleaning`: cleaning drops tombstones without the rule of the sweep.
 * - `cleaned-without-compaction`: whoever reads a cleaned chunk does not apply its compaction.
 * - `early-failed-compare`: an answer that wrote nothing does not wait for what it saw proposed.
 * - `no-head-condition`: commits do not depend on the head.
 * - `head-without-counter`: the head does not count commits.
 * - `sweep-unbound`: a sweep judges at the newest compaction instead of the one at its start.
 * - `probe-end-of-log`: the end of the log is where the next slot is empty, whatever the head says.
 */
export type LogFault =
  | 'uncertain-is-failed'
  | 'publish-before-commit'
  | 'drop-tombstone-in-cleaning'
  | 'cleaned-without-compaction'
  | 'early-failed-compare'
  | 'no-head-condition'
  | 'head-without-counter'
  | 'sweep-unbound'
  | 'probe-end-of-log';

/** Wider than `LogFault`, because one set of planted faults is handed to all rooms. */
export type LogFaults = ReadonlySet<string>;

export const NO_FAULTS: LogFaults = new Set<LogFault>();

export function planted(faults: LogFaults, fault: LogFault): boolean {
  return faults.has(fault);
}

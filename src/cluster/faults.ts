/**
 * Bugs that the simulator plants to show that it finds them. No production code passes any: the set is empty by default.
 *
 * - `show-unannounced`: a follower shows all that it finds in the engine.
 * - `keep-alive-without-lease`: a leader answers keep-alives after its lease has ended.
 * - `serve-before-epoch`: a new leader answers reads before it has read the log and begun its epoch.
 * - `probe-end-of-log`: the end of the log is where the next slot is empty, whatever the head says.
 * - `join-read-index`: a reader joins a question for the read index that is under way.
 * - `read-index-by-revision`: the read index is a revision, which leases and compactions do not move.
 * - `leader-by-record`: a node has a leader for as long as it knows the name of one.
 * - `keep-streams-without-leader`: streams that need a leader are not told that there is none.
 * - `move-unconfirmed`: the lead counts as handed over as soon as anybody leads.
 * - `format-of-one`: a leader writes the newest chunk format that it knows itself.
 */
export type ClusterFault =
  | 'show-unannounced'
  | 'keep-alive-without-lease'
  | 'serve-before-epoch'
  | 'probe-end-of-log'
  | 'join-read-index'
  | 'read-index-by-revision'
  | 'leader-by-record'
  | 'keep-streams-without-leader'
  | 'move-unconfirmed'
  | 'format-of-one';

export type ClusterFaults = ReadonlySet<string>;

export const NO_FAULTS: ClusterFaults = new Set<ClusterFault>();

/** Where no set is given, nothing is planted. */
export function planted(faults: ClusterFaults | undefined, fault: ClusterFault): boolean {
  return faults?.has(fault) === true;
}

/** Several nodes on one engine: who leads, who follows, and how calls reach the one who can answer them. */
export type { ClusterMember, ClusterNodeApi, ForwardedAnswer, ServeForwarded } from './cluster-node-api.ts';
export { ClusterNode } from './cluster-node.ts';
export type { ClusterNodeOptions } from './cluster-node-options.ts';
export type { ClusterErrorCode } from './errors.ts';
export { ClusterError } from './errors.ts';
export type { ClusterFault } from './faults.ts';
export type { Link, LinkSink, PeerNetwork } from './peer-network.ts';
export type { LeaderLeaseListener, LeaderLeaseOptions } from './leader-lease.ts';
export { LeaderLease } from './leader-lease.ts';
export type { LeaderRecord } from './leader-record.ts';
export { decodeLeaderRecord } from './leader-record.ts';
export type { MemberFacts, MembersOptions } from './members.ts';
export { Members } from './members.ts';

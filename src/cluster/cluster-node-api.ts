import type { Bytes } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';

/** A node of the cluster, as the others know it: a member in etcd's words. */
export interface ClusterMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

/** How a forwarded call ended: as `PeerAnswer`, gRPC's code (0: `body` is the response), or why it could not be sent. */
export interface ForwardedAnswer {
  readonly code: number;
  readonly message: string;
  readonly body: Bytes;
}

/** Serves a call that another node has forwarded, with headers that carry the member id of that node. */
export type ServeForwarded = (
  call: { readonly member: bigint; readonly method: string; readonly request: Bytes },
  reply: (answer: ForwardedAnswer) => void,
) => void;

/** What the services ask of the node that they are part of. */
export interface ClusterNodeApi {
  /** 0n until the first leader has begun the log. */
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** Whether calls that need the leader are served here. Cheap: asked for every call. */
  readonly leads: boolean;
  /** How often another leader was seen, the first one included. */
  readonly leaderChanges: number;
  /** The member id of the leader; 0n when none is known. */
  readonly leaderId: bigint;
  /** Whether this node leads, or has heard of the leader in the last three lease times. */
  hasLeader(): boolean;
  /** `listener` runs when `hasLeader` has become false. */
  onLeaderLost(listener: () => void): void;
  /** Live members, this one included, in the order of their names. */
  members(): readonly ClusterMember[];
  /**
   * Has the leader serve a call: sent once, together with all others of this turn, as soon as there is a leader; never sent
   * again, unless a node said that it did not look at it. Refused with `Timeout` when there is no leader for
   * `requestTimeoutMs`, with `TimeoutDueToConnectionLost` when the link broke under way, `TooManyRequests` when too many
   * wait.
   */
  forward(method: string, request: Bytes, done: (answer: ForwardedAnswer) => void): void;
  /**
   * Hands the lead to a member, if this node has it. `done` comes when the other leads, or with etcd's error: `Timeout` when it
   * did not come to that, `BadLeaderTransferee` when it could not, because that member does not follow; then nothing changed.
   */
  moveLeader(target: bigint, done: (refusal: StoreErrorCode | undefined) => void): void;
}

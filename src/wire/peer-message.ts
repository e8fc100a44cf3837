import type { Bytes } from '../base/index.ts';

/**
 * What two nodes say to one another on a link (cluster/peer-network.ts). The node that follows opens the link and begins
 * with `hello`; the other one answers with an `announce`, or with `notLeader` and the end of the link.
 */
export type PeerMessage = FollowerMessage | LeaderMessage;

/** From the node that opened the link. */
export type FollowerMessage =
  | {
      readonly kind: 'hello';
      /** The incarnation that the link is meant for, from the leader record: not the one that came after it. */
      readonly to: string;
      /** This node's incarnation, its `--name`, and its member id as long as it knows one (else 0n). */
      readonly from: string;
      readonly name: string;
      readonly member: bigint;
    }
  /** Asks for the committed sequence: see `index`. */
  | { readonly kind: 'readIndex'; readonly id: number }
  /** Calls to be served by the leader: all that came in one turn. */
  | { readonly kind: 'calls'; readonly calls: readonly PeerCall[] };

/** From the node that leads, or is thought to. */
export type LeaderMessage =
  /** Sent instead of the first `announce`, or later: nothing that comes after it on this link is looked at. */
  | { readonly kind: 'notLeader' }
  /**
   * A whole commit. `announced`: everything up to this sequence may be shown, as in `announce`; 0 when the leader does not
   * hold its lease at the moment.
   */
  | {
      readonly kind: 'commit';
      readonly epoch: number;
      readonly chunks: readonly PeerChunk[];
      readonly announced: number;
    }
  /** A leader that holds its lease has committed everything up to here. */
  | { readonly kind: 'announce'; readonly epoch: number; readonly sequence: number }
  /** The answer to `readIndex`. `sequence` is an announcement too; undefined: the leadership could not be confirmed. */
  | {
      readonly kind: 'index';
      readonly id: number;
      readonly epoch: number;
      readonly sequence: number | undefined;
    }
  | { readonly kind: 'answers'; readonly answers: readonly PeerAnswer[] }
  /** The leader has given its lease up for another to take, at best `to` (an incarnation; empty: anybody). */
  | { readonly kind: 'released'; readonly to: string };

/** One chunk as it is stored. */
export interface PeerChunk {
  readonly sequence: number;
  readonly bytes: Bytes;
}

export interface PeerCall {
  /** Of this link, given by the sender; never used twice. */
  readonly id: number;
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly request: Bytes;
}

export interface PeerAnswer {
  readonly id: number;
  /** gRPC's code; 0: `body` is the response. `PEER_NOT_LEADER`: nobody looked at the call. */
  readonly code: number;
  /** gRPC's message; empty with code 0. */
  readonly message: string;
  readonly body: Bytes;
}

/** The node does not lead, and so the call was not begun: the one refusal after which it may be sent elsewhere. */
export const PEER_NOT_LEADER = 1000;

import type { PeerMessage } from '../wire/peer-message.ts';

/** That others break the rules of a link is logged at most so often for each reason: they may connect again at once. */
export const BROKEN_RULES_QUIET_MS = 1000;

/**
 * How nodes reach one another: `server/peers` over gRPC, a simulated network in tests. All callbacks come in turns of
 * their own, never inside a call of a method here.
 */
export interface PeerNetwork {
  /**
   * Opens a link to the node behind one of these URLs. Never throws: what fails ends the link. What is sent before the
   * connection stands waits for it. `name`: that node's, for what is counted of each.
   */
  connect(peerUrls: readonly string[], sink: LinkSink, name: string): Link;
  /** Says who takes the links that others open to this node. Until then they are refused. Called once. */
  accept(listener: (link: Link) => LinkSink): void;
}

/** One way between two nodes: what is sent arrives in order, or the link has ended. */
export interface Link {
  /**
   * Sends a message behind those before it. False: this one is taken, but the way is full; `LinkSink.drained` tells when
   * there is room again. Bytes in a message must not change afterwards. Goes nowhere once the link has ended.
   */
  send(message: PeerMessage): boolean;
  /** Ends the link after what was sent. The sink hears nothing more. */
  close(): void;
}

export interface LinkSink {
  message(message: PeerMessage): void;
  drained(): void;
  /** The other side, or the network, has ended the link: what was sent last may or may not have arrived. Called once. */
  ended(): void;
}

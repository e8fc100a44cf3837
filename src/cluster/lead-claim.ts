/** What decides which node may try to lead: `LeaderLease` among several, `Alone` where there is only one. */
export interface LeadClaim {
  /** The epoch that this node has claimed and, as far as it knows, still has. */
  readonly epoch: number | undefined;
  /** Begins to claim; call it once. */
  start(): void;
  /** Whether no other node can have begun an epoch yet. Cheap: asked for every answer. */
  holds(): boolean;
  /** Whether it ended so long ago, and could not be renewed, that others would have it by now, were they not kept from it. */
  isOverdue(): boolean;
  /** Looks at once whether the lead can be had, instead of at the next turn. */
  look(): void;
  /**
   * Gives the lead up, so that another need not wait for the end of the lease: at best `to`, an incarnation (empty: anybody).
   * This node does not claim it for a while. Resolves when that is written down, or cannot be.
   */
  release(to: string): Promise<void>;
  /** Nothing is claimed any more. What is held is not given up: `release` does that. */
  stop(): Promise<void>;
}

import type { Store, StoreOptions } from '../store/index.ts';
import type { ServeForwarded } from './cluster-node-api.ts';
import type { PeerNetwork } from './peer-network.ts';

export interface ClusterNodeOptions {
  readonly store: Omit<StoreOptions, 'lease' | 'readIndex' | 'confirm'>;
  /** Undefined exactly when nobody shares the engine: then this node always leads. */
  readonly network: PeerNetwork | undefined;
  /** Serves here what another node has forwarded, and what was to be forwarded when this node came to lead. */
  readonly serve: ServeForwarded;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** How long the leader may answer without having heard from the engine. */
  readonly leaseMs: number;
  /** How often the lease is renewed. */
  readonly renewMs: number;
  /**
   * What a linearizable answer depends on: the leader's lease, so that clocks must run within 10 % of one another, or a
   * read of the head from the engine, whatever clocks do.
   */
  readonly linearizableReads: 'lease' | 'engine';
  /** What waits for a leader, or its answer, is refused after this. @default 7000 (etcd: 5 s and two election timeouts) */
  readonly requestTimeoutMs?: number;
  /** The node cannot go on, and is to be shut down: another took its name, or its data cannot be read any more. */
  readonly onFailed?: (error: Error) => void;
}

/** Told of the store that has taken the place of another. */
export type StoreListener = (store: Store) => void;

import type { TikvClient } from '../../src/tikv/client.ts';
import type { Ability, FaultKind, TestCluster } from '../support/tikv/cluster.ts';
import type { TestEnvironment } from '../support/tikv/environment.ts';
import type { RawClient } from '../support/tikv/raw-client.ts';

/** What one check of the client has: a cluster, keys of its own in it, and clients that are closed after it. */
export interface ClientContext {
  readonly cluster: TestCluster;
  readonly environment: TestEnvironment;
  /** Looks at the cluster without the client. */
  readonly raw: RawClient;
  /** How long a check goes on that goes on for a time. */
  readonly loadMs: number;
  /** Each fault alone at each of the first calls, and not all together. */
  readonly isThorough: boolean;
  /** A client of the check's own keyspace, closed after it. */
  open(): Promise<TikvClient>;
  /** The key as the cluster stores it. */
  stored(key: string): Buffer;
  /** The keys that are locked now. */
  locks(): Promise<string[]>;
}

/** A promise of the client, on any cluster that can do what it needs. */
export interface ClientCheck {
  readonly name: string;
  /** A cluster that cannot do all of this is none for the check. */
  readonly needs: readonly (Ability | FaultKind)[];
  /** Rejects if the promise is broken. */
  run(context: ClientContext): Promise<void>;
  /**
   * Locks may be left behind: a read that knows a dead transaction passes its other locks without meeting them.
   */
  readonly leavesLocks?: boolean;
  /** It counts or measures, so that nothing else may run meanwhile. */
  readonly isAlone?: boolean;
}

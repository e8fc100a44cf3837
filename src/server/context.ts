import type { Logger } from '../base/index.ts';
import type { ClusterNodeApi } from '../cluster/index.ts';
import type { StoreApi } from '../store/index.ts';
import type { WatchHub } from '../watch/index.ts';
import type { Headers } from './headers.ts';
import type { StreamEnds } from './stream-ends.ts';

/** The versions that clients are told. kube-apiserver refuses features below 3.5.13 and on any suffix. */
export const ETCD_VERSION = '3.7.3';
export const STORAGE_VERSION = '3.7.0';
/** The version that etcd's members agree on is told without its patch. */
export const CLUSTER_VERSION = ETCD_VERSION.split('.').slice(0, 2).join('.');

/** Whether this node answers what needs the leader, and who does otherwise. */
export type LeaderCalls = Pick<ClusterNodeApi, 'leads' | 'forward'>;

/**
 * What calls need that may also be served for another node. `store` and `headers` belong together; others take their place
 * when the node has read everything anew, so each call looks them up when it begins.
 */
export interface CallContext {
  readonly store: StoreApi;
  readonly headers: Headers;
  readonly node: LeaderCalls;
  /** A streamed range is sent in messages of about this size: etcd's `--max-request-bytes`. */
  readonly requestBytesMax: number;
  /** `--max-txn-ops`. */
  readonly txnOpsMax: number;
}

/** What the services share. */
export interface ServerContext extends CallContext {
  readonly node: ClusterNodeApi;
  /** Of `store`; replaced together with it. */
  readonly hub: Pick<WatchHub, 'open'>;
  /** Told when the server stops: streams that would last for ever end then. */
  readonly stop: StreamEnds;
  /** Told when the leader is lost: streams that asked for one end then. */
  readonly leaderLost: StreamEnds;
  readonly logger: Logger;
}

import type { Logger } from '../base/index.ts';
import type { StoreApi } from '../store/index.ts';
import type { WatchHub } from '../watch/index.ts';
import type { Headers } from './headers.ts';
import type { Stop } from './stop.ts';

/** The versions that clients are told. kube-apiserver refuses features below 3.5.13 and on any suffix. */
export const ETCD_VERSION = '3.7.3';
export const STORAGE_VERSION = '3.7.0';

/** What the services share. */
export interface ServerContext {
  readonly store: StoreApi;
  readonly hub: Pick<WatchHub, 'open'>;
  readonly headers: Headers;
  /** `--name`. */
  readonly name: string;
  /** What MemberList tells; filled in once the listeners have their ports. */
  readonly clientUrls: readonly string[];
  /** A streamed range is sent in messages of about this size: etcd's `--max-request-bytes`. */
  readonly requestBytesMax: number;
  /** Told when the server stops: streams that would last for ever end then. */
  readonly stop: Stop;
  /** `--max-txn-ops`. */
  readonly txnOpsMax: number;
  readonly logger: Logger;
}

import type { StoreErrorCode } from './errors.ts';

/**
 * What etcd checks before a request is looked at (server/etcdserver/api/v3rpc/key.go), in its order: the first thing
 * wrong is the answer; undefined when nothing is.
 */
export type Refusal = StoreErrorCode | undefined;

/** What etcd promises, in domain types: range, txn, leases, compaction, alarms, hashes. */

export type { StoreErrorCode } from './errors.ts';
export { GrpcCode, STORE_ERRORS, StoreError, storeError } from './errors.ts';
export type { Held, Hold } from './holds.ts';
export type { StoreLimits } from './limits.ts';
export { DEFAULT_LIMITS, LEASE_TTL_MAX } from './limits.ts';
export * from './results.ts';
export type { AutoCompactionOptions } from './auto-compaction.ts';
export type { StoreApi } from './store-api.ts';
export type { Engine, ReadIndex, StoreOptions } from './options.ts';
export { Store } from './store.ts';
export { isReadOnly } from './txn-plan.ts';
export { checkTxn } from './validate.ts';

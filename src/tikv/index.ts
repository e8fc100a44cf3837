/** The public names of the client: all that `npm run pack:tikv` publishes. */

export type { Cancel, Clock, EndSignal, Logger, Random, Scheduler } from '../base/index.ts';
export type { CallOptions, TikvOptions } from './client.ts';
export { TikvClient } from './client.ts';
export type { TikvEnvironment } from './environment.ts';
export type { TikvErrorCode } from './errors.ts';
export { TikvError } from './errors.ts';
export type { GcOptions, GcReport } from './gc/collect.ts';
export { GC_LIFE_MS_MIN } from './gc/collect.ts';
export type { GcSchedule } from './gc/collector.ts';
export type { KeeperOptions, KeptSnapshot, SnapshotKeeper } from './gc/keeper.ts';
export { STORED_KEY_BYTES_MAX } from './keyspace.ts';
export type { KeyValue } from './snapshot/scan.ts';
export type { ReadOptions, ScanOptions } from './snapshot/options.ts';
export type { TikvSnapshot } from './snapshot/snapshot.ts';
export { addMs, composeTimestamp, logicalOf, physicalMs } from './timestamp.ts';
export type { TlsOptions } from './tls.ts';
export type { CommitOptions } from './txn/commit-mutations.ts';
export type { Mutation } from './txn/mutation.ts';
export type { FailedOutcome, SettledOutcome, TxnOutcome } from './txn/outcome.ts';
export { TXN_BYTES_MAX } from './txn/prepare.ts';
export type { TikvTransaction } from './txn/transaction.ts';
export type { ValueFormat } from './values.ts';

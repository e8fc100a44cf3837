export type {
  Batch,
  Capabilities,
  CommitResult,
  Condition,
  Engine,
  Entry,
  KeyRange,
  ScanRange,
  Snapshot,
  Write,
} from './engine.ts';
export { KEY_END, SCAN_BATCH_BYTES_MAX } from './engine.ts';
export type { EngineErrorCode } from './errors.ts';
export { EngineError } from './errors.ts';
export { abortedError, admitBatch, assertKey, batchBytes, closedError, holds } from './batch.ts';

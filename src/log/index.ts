/** The log: chunk format, head, group commit, settling, replay, cleaning, and the way back to old bodies. */
export type { ApplierOptions } from './applier.ts';
export { LogApplier } from './applier.ts';
export type { Chunk, ChunkFormats, ChunkHeader } from './chunk.ts';
export { CHUNK_FORMAT, readChunk } from './chunk.ts';
export type { CleanerLimits, CleanerOptions } from './cleaner.ts';
export { Cleaner, CLEANER_LIMITS } from './cleaner.ts';
export { EntryColumns } from './entry.ts';
export type { LogErrorCode } from './errors.ts';
export { LogError } from './errors.ts';
export type { LogFault, LogFaults } from './faults.ts';
export type { Head } from './head.ts';
export { decodeHead, EMPTY_HEAD, encodeHead } from './head.ts';
export type { HistoryBody, HistoryReaderOptions } from './history.ts';
export { HistoryReader } from './history.ts';
export { LogKeys, sequenceOfSlot } from './keys.ts';
export type { LogLimits } from './limits.ts';
export { LOG_LIMITS } from './limits.ts';
export type { StoredChunk } from './log-map.ts';
export { LogMap } from './log-map.ts';
export type { EntryKindName, Record, RecordKind, VersionKind } from './records.ts';
export { EntryKind, readRecord } from './records.ts';
export type { Replayed, ReplayOptions } from './replay.ts';
export { replay } from './replay.ts';
export type {
  Commit,
  CommitListener,
  CommittedChunk,
  Deposition,
  Liveness,
  LogTarget,
  Outcome,
  Waiter,
} from './target.ts';
export type { Doubt } from './settler.ts';
export { LogWriter } from './writer.ts';
export type { LogWriterOptions, TakeOver } from './writer-options.ts';

/** Bounds of the watch room. Each has a defined answer when it is reached; see the field. */
export interface WatchLimits {
  /** Watchers on one stream. Beyond: the create is refused (`created` and `canceled`, id -1, with a reason). */
  readonly watchersPerStreamMax: number;
  /** Watchers on all streams. Beyond: as above. */
  readonly watchersMax: number;
  /**
   * Responses other than events that wait for a full transport. Beyond: `receive` and `drained` return false, and the
   * transport should stop reading requests; at this number plus `watchersPerStreamMax` the stream is ended.
   */
  readonly waitingResponsesMax: number;
  /** How often events that a stream was being sent when it became full may still be sent to other watchers of it. */
  readonly sentSinceFullMax: number;
  /** Bytes of events after which a response ends at the next revision. */
  readonly responseBytesMax: number;
  /** Revisions after which a response ends. */
  readonly responseRevisionsMax: number;
  /** With `fragment`, responses of this many bytes or more are split: etcd's max-request-bytes plus 512 KiB. */
  readonly fragmentBytesMin: number;
  /** Watchers of one stream that catch up at a time; the others of the stream wait for their turn. */
  readonly catchingUpPerStreamMax: number;
  /** Passes over the history at a time. Beyond: watchers wait for one to end. */
  readonly historyPassesMax: number;
  /** How far ahead of a pass over the history a watcher may be and still wait for it instead of starting another. */
  readonly nearRevisionsMax: number;
  /** Values no longer in memory that one pass reads at a time; after as many a response ends at the next revision. */
  readonly readsPerPassMax: number;
  /** Passes that read such values at a time. Beyond: they wait. */
  readonly readingPassesMax: number;
  /** Failed reads of such values in a row after which the waiting streams are ended. */
  readonly readRetriesMax: number;
  /** Work in one turn of the event loop: milliseconds, and steps for a clock that stands still. */
  readonly sliceMs: number;
  readonly sliceStepsMax: number;
}

const KIB = 1 << 10;
const MIB = 1 << 20;

export const DEFAULT_WATCH_LIMITS: WatchLimits = {
  watchersPerStreamMax: 100_000,
  watchersMax: 2_000_000,
  waitingResponsesMax: 1024,
  sentSinceFullMax: 256,
  responseBytesMax: 64 * KIB,
  responseRevisionsMax: 1000,
  fragmentBytesMin: 2 * MIB,
  catchingUpPerStreamMax: 1024,
  historyPassesMax: 64,
  nearRevisionsMax: 10_000,
  readsPerPassMax: 16,
  readingPassesMax: 4,
  readRetriesMax: 6,
  sliceMs: 0.2,
  sliceStepsMax: 4096,
};

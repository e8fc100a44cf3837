import type { Arena, Bytes } from '../base/index.ts';
import type { KeyIndex } from '../index/index.ts';
import type { ResponseHeader } from '../wire/index.ts';

/** What the composition gives the watch room, from the store. */
export interface WatchSource {
  readonly index: Pick<
    KeyIndex,
    | 'find'
    | 'at'
    | 'revision'
    | 'sub'
    | 'isTombstone'
    | 'previous'
    | 'keyOf'
    | 'inMemory'
    | 'segment'
    | 'offset'
    | 'length'
    | 'keyBytes'
    | 'historySeek'
    | 'historyStart'
    | 'historyEnd'
    | 'historyAt'
  >;
  /** The segments that the index refers to. */
  readonly arena: Pick<Arena, 'bytes'>;
  /** Reads back what memory no longer holds. A rejection is an engine that cannot be read now; it is tried again. */
  readonly history: { body(revision: number, sub: number): Promise<Bytes | 'compacted'> };
  /** The committed revision. */
  revision(): number;
  /** The revision of the last compaction, 0 when there was none. */
  compacted(): number;
  header(revision: number): ResponseHeader;
}

/** One stream's way to its client. */
export interface WatchSink {
  /**
   * One `WatchResponse`, encoded, as a run of slices that stay valid and must not be written to. Returns false when the
   * transport is full now: this response is taken, and before `WatchStream.drained()` only the same events follow, for
   * other watchers: the same slices behind other heads, `sentSinceFullMax` times at most. For many watchers on one stream
   * its bound should be generous (1 MiB), because a watcher that is passed over has to catch up.
   */
  send(slices: readonly Bytes[]): boolean;
  /** Nothing follows. Without an error the stream ended as it was asked to. */
  end(error?: WatchEnd): void;
}

/**
 * Why a stream was ended by this side: `stopped` or `replaced`, the hub was closed; `too-many-requests`, the client sends
 * requests and does not read the answers; `unavailable`, old values could not be read back from the engine.
 */
export interface WatchEnd {
  readonly code: 'stopped' | 'replaced' | 'too-many-requests' | 'unavailable';
}

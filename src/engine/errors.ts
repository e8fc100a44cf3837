const RETRYABLE = {
  /** The engine was closed, or the snapshot was disposed. */
  closed: false,
  /** The batch is larger than `commitBytesMax`. */
  too_large: false,
  /** The signal was aborted before the commit was sent. */
  aborted: false,
  /** More commits are waiting than the engine queues. */
  overloaded: true,
  /** Another process holds the store. */
  locked: false,
  /** What is stored is damaged. */
  corrupt: false,
  /** The store lacks commits that it had acknowledged. */
  behind: false,
  /** What is stored was written by a newer version. */
  format: false,
  /** The disk is full. */
  no_space: true,
  /** The store cannot be reached or opened for now. */
  unavailable: true,
  /** The store was reopened under a snapshot, which is gone. */
  snapshot_lost: true,
} as const;

/** Stable across versions, unlike messages. */
export type EngineErrorCode = keyof typeof RETRYABLE;

/** The one error class of the engines. `cause` is the error of the driver, if there is one. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;
  /** Trying again later may help, without anybody doing anything about it. */
  readonly retryable: boolean;

  constructor(code: EngineErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retryable = RETRYABLE[code];
  }
}

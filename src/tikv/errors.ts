const RETRYABLE = {
  /** The client was closed. */
  closed: false,
  /** The caller's signal was aborted. */
  aborted: false,
  /** The budget is used up: nobody answered, or regions kept moving. The last trouble met is the `cause`. */
  unavailable: true,
  /** A write does not fit one entry of the store's replicated log. */
  too_large: false,
  /** Whether the transaction was committed could not be found out within the budget. */
  undetermined: true,
  /**
   * The transaction was rolled back, by this client or by another that found its locks expired. Only as the `cause` of an
   * outcome.
   */
  rolled_back: true,
  /** The snapshot is so old that what it would read may be collected already. */
  snapshot_too_old: false,
  /** A store's disk is full. */
  disk_full: true,
  /** The region is being set back to an earlier state by an administrator. */
  flashback: true,
  /** An answer that breaks the protocol, or a refusal that only a mistake in the client explains. */
  protocol: false,
  /** What the caller asked for makes no sense: an empty key, a key twice, a bad address. */
  invalid: false,
} as const;

/** Stable across versions, unlike messages. */
export type TikvErrorCode = keyof typeof RETRYABLE;

interface TikvErrorOptions {
  readonly cause?: unknown;
  /** @default false */
  readonly maybeApplied?: boolean;
}

/**
 * The one error class that a user of the client sees. A commit that lost against another transaction is no error, but an
 * outcome (`TxnOutcome`).
 */
export class TikvError extends Error {
  override readonly name = 'TikvError';
  readonly code: TikvErrorCode;
  /** Trying again later may help, without anybody doing anything about it. */
  readonly retryable: boolean;
  /** Of a call that may have written: an attempt got no answer, so it may have been applied. */
  readonly maybeApplied: boolean;

  constructor(code: TikvErrorCode, message: string, options: TikvErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = RETRYABLE[code];
    this.maybeApplied = options.maybeApplied ?? false;
  }
}

/** A call that got no answer: of one attempt, so that it never leaves the client but as a `cause`. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** The gRPC status. */
  readonly grpcCode: number;
  /** False if it is certain that no server has seen the request. */
  readonly maybeApplied: boolean;

  constructor(grpcCode: number, message: string, maybeApplied: boolean) {
    super(message);
    this.grpcCode = grpcCode;
    this.maybeApplied = maybeApplied;
  }
}

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

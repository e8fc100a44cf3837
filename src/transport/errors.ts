/**
 * - `addressInUse`: another process listens there;
 * - `addressUnavailable`: the address is not one of this machine, or may not be used;
 * - `invalidUrl`: not an `http://host:port` URL.
 */
export type TransportErrorCode = 'addressInUse' | 'addressUnavailable' | 'invalidUrl';

/** A listener that could not be started. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  /** Host and port that were asked for. */
  readonly address: string;
  readonly retryable = false;

  constructor(code: TransportErrorCode, address: string, options: { detail: string; cause?: unknown }) {
    super(`Cannot listen on ${address}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.address = address;
  }
}

/**
 * - `addressInUse`: another process listens there;
 * - `addressUnavailable`: the address is not one of this machine, or may not be used;
 * - `invalidUrl`: not an `http(s)://host:port` or `unix(s)://path` URL, or one of TLS without a certificate;
 * - `invalidTls`: a certificate, a key or a list of TLS cannot be read or used.
 */
export type TransportErrorCode = 'addressInUse' | 'addressUnavailable' | 'invalidUrl' | 'invalidTls';

/** A listener that could not be started. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  /** Host and port that were asked for; the file, when it is one that cannot be used. */
  readonly address: string;
  readonly retryable = false;

  constructor(code: TransportErrorCode, address: string, options: { detail: string; cause?: unknown }) {
    super(`Cannot ${code === 'invalidTls' ? 'use' : 'listen on'} ${address}: ${options.detail}`, {
      cause: options.cause,
    });
    this.code = code;
    this.address = address;
  }
}

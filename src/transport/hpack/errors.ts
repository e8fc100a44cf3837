/**
 * A header block that RFC 7541 does not allow. The connection's table can no longer be right, so the whole connection
 * ends with COMPRESSION_ERROR (RFC 9113, section 4.3).
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
  readonly code = 'compression';
}

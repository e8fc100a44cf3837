/** As when the other node refuses a certificate: TLS 1.3 tells why only after the handshake, if at all. */
const CLOSED = 'the connection was closed while it was made; the log of the other node may say why';

/** Codes of Node for a connection that the other side has closed, in one way or another. */
const CLOSINGS = new Set(['ECONNRESET', 'EPIPE', 'ERR_HTTP2_STREAM_CANCEL', 'ERR_HTTP2_SESSION_ERROR']);

/**
 * Why a connection failed, in words that are the same each time. `isAnswered`: the other node had said something on it.
 * Undefined: it was closed without an error.
 */
export function connectionFailure(error: Error | undefined, isAnswered = false): string {
  if (error === undefined) return CLOSED;
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  if (!isAnswered && CLOSINGS.has(String(code))) return CLOSED;
  // All addresses of a name were tried: each has an error of its own.
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map((each) => connectionFailure(each as Error)).join(', ');
  // OpenSSL's own message begins with the number of a thread and names a line of its source.
  if (typeof reason === 'string' && reason !== '' && error.message.includes('SSL routines')) return reason;
  return error.message;
}

/** The headers or trailers of an answer, as far as they tell how it ended. */
export interface AnswerHeaders {
  readonly ':status'?: number | undefined;
  readonly 'grpc-status'?: string | string[] | undefined;
  readonly 'grpc-message'?: string | string[] | undefined;
}

/** What the other side said when it ended a call; undefined: nothing (yet), or that all is well. */
export function statusOf(headers: AnswerHeaders): string | undefined {
  const { ':status': http, 'grpc-status': code, 'grpc-message': message } = headers;
  if (code === undefined) return http === undefined || http === 200 ? undefined : `HTTP status ${http}`;
  if (code === '0') return undefined;
  return typeof message === 'string' && message !== '' ? unescaped(message) : `status ${String(code)}`;
}

/** gRPC escapes messages as URLs do; what cannot be read is shown as it came. */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

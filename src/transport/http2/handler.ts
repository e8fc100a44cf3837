import type { ByteSource } from '../byte-source.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Bytes to send: one run, several that follow one another, or a source that makes them while they are sent. They must not
 * change after they were handed over. The stream closes a source, also when nothing of it is sent.
 */
export type Body = Uint8Array | readonly Uint8Array[] | ByteSource;

/** Serves requests, whatever they are. */
export interface Http2Handler {
  /**
   * A request's headers are complete and valid. Sets `stream.receiver` before it returns. It may answer at once. What
   * it throws is a bug: it is reported, and the stream is reset with INTERNAL_ERROR.
   */
  request(stream: Http2Stream): void;
}

/** Who takes what the client sends on a stream. Called by the connection only, never after `cancelled`. */
export interface StreamReceiver {
  /**
   * Part of the request's body: bytes `start` to `end` of `chunk`, which never changes. It stays in memory as a whole
   * while a view of it is held (up to 64 KiB): copy what is to be kept for long. A client may send a body in pieces of
   * one byte. `isLast`: the request has ended.
   *
   * Each byte has to be reported by `stream.consumed` when there is room for another, or the client stalls.
   */
  data(chunk: Buffer, start: number, end: number, isLast: boolean): void;
  /** The request has ended with trailers (name, value, name, value). */
  trailers(fields: readonly string[]): void;
  /** Reset by the client or by an error of the stream, or the connection is gone. Nothing that is sent arrives. */
  cancelled(code: number): void;
  /** The stream takes more again after `write` said false. */
  drained(): void;
}

/**
 * One request and its answer. What is sent after it has ended, by whomever, goes nowhere. The answer is one `respond`; or
 * `headers` (informational ones before it), any number of `write`s, and `trailers` or `end`.
 *
 * Header blocks are what `encodeHeaders` of hpack makes: valid on every connection at any time.
 */
export interface Http2Stream {
  readonly id: number;
  readonly head: RequestHead;
  /** The client has sent its last byte; for a request without a body this is so from the start. */
  readonly endedByPeer: boolean;
  /** True once the answer is complete or the stream was reset. */
  readonly closed: boolean;
  /** So much waits on the connection that nothing should be copied for it. */
  readonly isCrowded: boolean;
  receiver: StreamReceiver;
  /** Address and port of the client. */
  readonly peer: string;

  /** Lets the client send this many bytes more, on this stream and on the connection. */
  consumed(bytes: number): void;
  /**
   * The whole answer at once. `prefix` is sent before the body and may be reused after the call; it may be empty. Without
   * `trailers` the body ends the stream.
   */
  respond(head: Uint8Array, prefix: Uint8Array, body: Body, trailers: Uint8Array | undefined): void;
  /** Sends headers; with `isLast` they are the whole answer. */
  headers(block: Uint8Array, isLast: boolean): void;
  /** Sends a part of the body, as `respond` does. False: it waits; write no more until `receiver.drained()`. */
  write(prefix: Uint8Array, body: Body): boolean;
  /** Ends the stream after all that was written. */
  trailers(block: Uint8Array): void;
  /** Ends the stream after all that was written, without trailers. */
  end(): void;
  /** Ends the stream at once; what was not sent yet is dropped. The receiver is not told. */
  reset(code: number): void;
}

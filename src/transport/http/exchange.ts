/**
 * One HTTP request that is not gRPC, and its answer, whatever carries it: HTTP/1.1 on `node:http`, or a stream of HTTP/2.
 * Exactly one of `respond` and `start` is called, once. What is sent after the client has gone goes nowhere.
 */
export interface HttpExchange {
  /** Upper case: `GET`. */
  readonly method: string;
  /** As it was sent, without the query: always starts with `/`, or is `*`. */
  readonly path: string;
  /** What follows the `?`, without it; empty when there is none. */
  readonly query: string;
  /** The `Host` header, or HTTP/2's `:authority`; empty when there is neither. */
  readonly host: string;
  /** Address of the client, for logs. */
  readonly peer: string;
  /** The connection is TLS. What protects a browser's user from DNS rebinding asks this. */
  readonly secure: boolean;
  /** True once the answer is complete or the client is gone. */
  readonly ended: boolean;
  /** The first value of a request header, or undefined. Names are lower case. */
  header(name: string): string | undefined;
  /** The whole body. Rejects with HttpBodyError when it is longer than `bytesMax` or the client is gone before its end. */
  body(bytesMax: number): Promise<Buffer>;
  /** The body while it comes, instead of `body`. That the client is gone is told by `onCancel` alone. */
  stream(options: BodyStreamOptions): BodyStream;
  /** Answers with all of the body at once; the exchange adds `content-length`, and leaves the body of a HEAD out. */
  respond(status: number, headers: HttpHeaders, body: Uint8Array | string): void;
  /** Answers with a body of unknown length, which `write` and `finish` send; to a HEAD none is sent. */
  start(status: number, headers: HttpHeaders): void;
  /** Sends a part of the body. False: the client is behind; write no more until `onDrain`'s callback runs. */
  write(bytes: Uint8Array | string): boolean;
  /** Runs each time that the exchange takes bytes again after `write` returned false. */
  onDrain(run: () => void): void;
  /** Ends a body that `start` began. */
  finish(): void;
  /** Breaks off an answer that cannot be completed, so that the client does not take it for complete. */
  destroy(): void;
  /** Runs once if the client goes, or the answer is broken off, before it is complete. */
  onCancel(run: () => void): void;
}

/**
 * A request body that is read while it comes, over either version of HTTP. Its reader looks at what there is, takes what it
 * has understood, and asks for more when it cannot go on; a client whose server does not ask can send no more than a window.
 * It may take its time to begin something after something was taken, but what it has begun has to come within the time of a
 * whole request, or the exchange is broken off.
 */
export interface BodyStream {
  /** What has come and was not taken. Valid until `take`, and until more comes. */
  readonly bytes: Buffer;
  /** Nothing comes after `bytes`. */
  readonly isComplete: boolean;
  /** Drops the first `count` of `bytes`. */
  take(count: number): void;
  /** Lets the client send more than there is; `onData` runs once, when something has come or the body is complete. */
  more(): void;
  /** Nothing more will be read: what comes is thrown away. */
  discard(): void;
}

export interface BodyStreamOptions {
  /** A reader may leave so much untaken and ask for more. */
  readonly bytesMax: number;
  readonly onData: () => void;
  /** `tooLarge`: more was asked for than `bytesMax`, or there is no memory; what comes is thrown away. */
  readonly onError: (error: HttpBodyError) => void;
}

/** Names are lower case: HTTP/2 allows no other. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Serves one exchange. What it throws is a bug: the exchange is answered with 500. */
export type HttpHandler = (exchange: HttpExchange) => void;

/**
 * - `tooLarge`: longer than was allowed;
 * - `cancelled`: the client went away before the end.
 */
export type HttpBodyErrorCode = 'tooLarge' | 'cancelled';

/** A request body that could not be read whole. */
export class HttpBodyError extends Error {
  override readonly name = 'HttpBodyError';
  readonly code: HttpBodyErrorCode;

  constructor(code: HttpBodyErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

import {
  GrpcCode,
  type BodyStream,
  type BodyStreamOptions,
  type GrpcStatus,
  type HttpBodyError,
} from '../../transport/index.ts';
import type { MessageShape } from '../../wire/index.ts';
import { GoScanner } from './go-scanner.ts';
import { decodeJson } from './json-decoder.ts';
import { JsonProblem } from './json-reader.ts';
import type { RequestSource } from './stream-call.ts';

export interface JsonRequestsOptions {
  /** Opens the body. */
  readonly open: (options: BodyStreamOptions) => BodyStream;
  readonly shape: MessageShape;
  /** A message takes at most so many bytes of JSON. */
  readonly bytesMax: number;
  /** What is to be said of a message, if it is refused. */
  readonly refuse: (message: Uint8Array) => GrpcStatus | undefined;
  /** More may be there. */
  readonly onMore: () => void;
  /** The call ends with this status, because of what the client sent. */
  readonly onRefused: (status: GrpcStatus) => void;
}

/**
 * The messages of a body that is read while it comes: one JSON value behind the other, with space between them or not, up to
 * the first that cannot be read. As in etcd that one is an end like any other: what was asked before goes on.
 */
export class JsonRequests implements RequestSource {
  readonly #options: JsonRequestsOptions;
  readonly #body: BodyStream;
  #scanner = new GoScanner();
  #hasEnded = false;

  constructor(options: JsonRequestsOptions) {
    const { bytesMax, onMore } = options;
    this.#options = options;
    this.#body = options.open({ bytesMax, onData: onMore, onError: (error) => this.#failed(error) });
  }

  next(): Uint8Array | 'later' | undefined {
    if (this.#hasEnded) return undefined;
    const scanned = this.#scanner.scan(this.#body.bytes, this.#body.isComplete);
    if (scanned === 'more') return this.#wait();
    const message = typeof scanned === 'object' && 'end' in scanned ? this.#decode(scanned.end) : undefined;
    if (message === undefined) {
      this.#end();
      return undefined;
    }
    const refusal = this.#options.refuse(message);
    if (refusal === undefined) return message;
    this.#end();
    this.#options.onRefused(refusal);
    return undefined;
  }

  #wait(): 'later' {
    // Space may come for as long as it likes: nothing has begun.
    if (!this.#scanner.hasBegun && this.#body.bytes.length > 0) this.#take(this.#body.bytes.length);
    this.#body.more();
    return 'later';
  }

  /** Undefined when the value is no such message. */
  #decode(end: number): Uint8Array | undefined {
    const text = this.#body.bytes.toString('latin1', 0, end);
    this.#take(end);
    try {
      return decodeJson(this.#options.shape, text)?.bytes;
    } catch (error) {
      if (!(error instanceof JsonProblem)) throw error;
      return undefined;
    }
  }

  #take(count: number): void {
    this.#body.take(count);
    this.#scanner = new GoScanner();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#body.discard();
  }

  #failed(error: HttpBodyError): void {
    this.#hasEnded = true;
    this.#options.onRefused({ code: GrpcCode.resourceExhausted, message: `engram: ${error.message}` });
  }
}

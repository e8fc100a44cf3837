import { ByteRuns } from '../base/index.ts';
import type { RangeSink, RangeStream, StoreApi, StoreError } from '../store/index.ts';
import type { Method, ServerStream } from '../transport/index.ts';
import {
  decodeRangeRequest,
  encodeRangeStreamResponse,
  type RangeRequest,
  type RangeResponse,
} from '../wire/index.ts';
import type { CallContext } from './context.ts';
import { statusOf, statusOfMalformed } from './errors.ts';
import { heldMessage } from './held-message.ts';
import type { Headers } from './headers.ts';

/** etcd 3.7's first chunk. Each following one doubles until it is about as large as a request may be. */
const FIRST_CHUNK_KEYS = 10;

/**
 * `KV.RangeStream` (etcd-v3.md B.3): disjoint chunks in key order; header, `more` and `count` only in the last one, and
 * only on success. Merged, the chunks are the answer to the same Range.
 */
export function rangeStreamMethod(context: CallContext): Method {
  return {
    kind: 'serverStream',
    handle(bytes, stream) {
      let request: RangeRequest;
      try {
        request = decodeRangeRequest(bytes);
      } catch (error) {
        stream.end(statusOfMalformed(error, 'stream'));
        return;
      }
      const { store } = context;
      const chunks = new Chunks(stream, context);
      chunks.start((sink) => store.rangeStream(request, sink));
    },
  };
}

/** Cuts what the store finds into chunks whose size adapts, and passes the client's slowness on to the store. */
class Chunks implements RangeSink {
  readonly #stream: ServerStream;
  readonly #store: StoreApi;
  readonly #headers: Headers;
  readonly #chunkBytesMax: number;
  #keysMax = FIRST_CHUNK_KEYS;
  #chunk = new ByteRuns();
  #isFull = false;

  constructor(stream: ServerStream, { store, headers, requestBytesMax }: CallContext) {
    this.#stream = stream;
    this.#store = store;
    this.#headers = headers;
    this.#chunkBytesMax = requestBytesMax;
  }

  start(open: (sink: RangeSink) => RangeStream): void {
    const source = open(this);
    this.#stream.onCancel(() => source.cancel());
    this.#stream.onDrain(() => {
      this.#isFull = false;
      source.resume();
    });
  }

  batch(kvs: ByteRuns): boolean {
    for (let i = 0; i < kvs.count; i++) {
      // The last chunk carries the header, so a full chunk is kept back until a further key shows that it is not the last.
      if (this.#chunk.count >= this.#keysMax || this.#chunk.totalBytes >= this.#chunkBytesMax) this.#flush();
      this.#chunk.push(kvs.buffer(i), kvs.offset(i), kvs.length(i));
    }
    kvs.release();
    return !this.#isFull;
  }

  end(error: StoreError | undefined, result: { revision: number; count: number; more: boolean }): void {
    if (error !== undefined) {
      this.#stream.end(statusOf(error));
      return;
    }
    const { revision, count, more } = result;
    this.#send({ header: this.#headers.at(revision), kvs: this.#chunk, more, count });
    this.#stream.end();
  }

  #flush(): void {
    const chunk = this.#chunk;
    const ready = this.#send({ header: undefined, kvs: chunk, more: false, count: 0 });
    this.#isFull ||= !ready;
    if (chunk.totalBytes * 2 <= this.#chunkBytesMax) this.#keysMax *= 2;
    else if (chunk.totalBytes >= this.#chunkBytesMax) this.#keysMax = Math.max(1, this.#keysMax >> 1);
    this.#chunk = new ByteRuns();
  }

  #send(response: RangeResponse): boolean {
    return this.#stream.send(heldMessage(this.#store, encodeRangeStreamResponse(response)));
  }
}

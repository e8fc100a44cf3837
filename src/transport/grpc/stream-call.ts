import type { BidiHandler, BidiStream, Message, ServerStream, ServerStreamHandler } from '../service.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { GrpcCall, sendBytesMax, unexpectedEnd } from './call.ts';
import { deflatedNowBytesMax, gzipNow } from './gzip.ts';
import { MessageReader } from './message-reader.ts';
import { closeMessage, lengthOf, prefixOf } from './prefix.ts';

/** Calls with any number of answers. What waits is counted by the stream below, in bytes. */
abstract class StreamCall extends GrpcCall implements ServerStream {
  readonly #drainListeners: (() => void)[] = [];

  send(message: Message): boolean {
    if (this.ended) {
      closeMessage(message);
      return false;
    }
    let length = lengthOf(message);
    if (length > sendBytesMax) {
      closeMessage(message);
      const text = `trying to send message larger than max (${length} vs. ${sendBytesMax})`;
      this.abort({ code: GrpcCode.resourceExhausted, message: text });
      return false;
    }
    let flag: 0 | 1 = 0;
    let body = message;
    // Long ones would have to be deflated elsewhere, and the messages of a stream have an order: they go as they are.
    if (this.request.answersGzip && length > 0 && length <= deflatedNowBytesMax) {
      body = gzipNow(message);
      length = body.length;
      flag = 1;
    }
    if (!this.hasSentHead) {
      this.hasSentHead = true;
      this.stream.headers(this.request.responseHead, false);
    }
    if (!this.stream.write(prefixOf(flag, length), body)) this.isFull = true;
    return !this.isFull;
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  end(status?: GrpcStatus): void {
    if (this.ended) return;
    this.finish();
    this.sendStatus(status);
  }

  override drained(): void {
    this.isFull = false;
    for (const run of this.#drainListeners) {
      if (!this.ended) this.guard(run);
    }
  }
}

/** One request message, any number of answers. The handler runs when the client has finished sending. */
export class ServerStreamCall extends StreamCall {
  #message: Buffer | undefined;

  override message(request: Buffer): void {
    if (this.#message === undefined) this.#message = request;
    else this.#violated('received multiple request messages for');
  }

  override finished(isCut: boolean): void {
    const message = this.#message;
    this.context.arrivals.remove(this);
    // A stream can last for hours, and the message is a view of all that came with it.
    this.#message = undefined;
    if (isCut) this.abort(unexpectedEnd);
    else if (message === undefined) this.#violated('received no request message from');
    else {
      try {
        (this.route.method.handle as ServerStreamHandler)(message, this);
      } catch (error) {
        this.fault(error);
      }
    }
  }

  #violated(how: string): void {
    const message = `cardinality violation: ${how} non-client-streaming RPC`;
    this.abort({ code: GrpcCode.internal, message });
  }
}

/** Messages both ways, at the pace of both. */
export class BidiCall extends StreamCall implements BidiStream {
  #onMessage: ((request: Uint8Array) => void) | undefined;
  #onHalfClose: (() => void) | undefined;

  /** Runs the handler, which says in this turn what messages go to. */
  start(): void {
    try {
      (this.route.method.handle as BidiHandler)(this);
    } catch (error) {
      this.fault(error);
    }
  }

  onMessage(run: (request: Uint8Array) => void): void {
    this.#onMessage = run;
  }

  onHalfClose(run: () => void): void {
    this.#onHalfClose = run;
  }

  pause(): void {
    (this.reader ??= new MessageReader(this)).pause();
  }

  resume(): void {
    this.reader?.resume();
  }

  override message(request: Buffer): void {
    if (this.ended) return;
    try {
      this.#onMessage?.(request);
    } catch (error) {
      this.fault(error);
    }
  }

  override finished(isCut: boolean): void {
    if (isCut) this.abort(unexpectedEnd);
    else if (this.#onHalfClose !== undefined && !this.ended) this.guard(this.#onHalfClose);
  }
}

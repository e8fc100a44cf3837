import { EMPTY_BYTES } from '../../base/index.ts';
import type { Message, UnaryHandler } from '../service.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { GrpcCall, sendBytesMax } from './call.ts';
import { deflatedBytesMax, deflatedNowBytesMax, gzip, gzipNow } from './gzip.ts';
import { okTrailers } from './header-blocks.ts';
import { closeMessage, lengthOf, prefixBytes, prefixOf } from './prefix.ts';

const noMemory: GrpcStatus = {
  code: GrpcCode.resourceExhausted,
  message: 'no memory to compress the response',
};

/**
 * One request message, one answer. As in gRPC for Go the handler runs when the message is there, whether the client has
 * finished sending or not, and what follows it is thrown away.
 */
export class UnaryCall extends GrpcCall {
  #hasMessage = false;

  override data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#hasMessage) {
      this.stream.consumed(end - start);
      return;
    }
    // Nearly every request: one message, not compressed, in one frame.
    const length = end - start - prefixBytes;
    const isWhole =
      length >= 0 &&
      this.reader === undefined &&
      chunk[start] === 0 &&
      chunk.readUInt32BE(start + 1) === length &&
      length <= this.context.receiveBytesMax;
    if (!isWhole) {
      super.data(chunk, start, end, isLast);
      return;
    }
    this.stream.consumed(end - start);
    this.message(chunk.subarray(start + prefixBytes, end));
  }

  override trailers(): void {
    if (!this.#hasMessage) super.trailers();
  }

  override message(request: Buffer): void {
    this.#hasMessage = true;
    this.reader?.close();
    this.context.arrivals.remove(this);
    try {
      const handle = this.route.method.handle as UnaryHandler;
      handle(request, this, (status, response) => this.#reply(status, response));
    } catch (error) {
      this.fault(error);
    }
  }

  override finished(isCut: boolean): void {
    this.abort({ code: GrpcCode.unknown, message: isCut ? 'unexpected EOF' : 'EOF' });
  }

  #reply(status: GrpcStatus | undefined, response: Message = EMPTY_BYTES): void {
    if (this.ended) {
      closeMessage(response);
      return;
    }
    this.finish();
    if (status !== undefined) {
      closeMessage(response);
      this.sendStatus(status);
      return;
    }
    const length = lengthOf(response);
    if (length > sendBytesMax) {
      closeMessage(response);
      const message = `grpc: trying to send message larger than max (${length} vs. ${sendBytesMax})`;
      this.sendStatus({ code: GrpcCode.resourceExhausted, message });
    } else if (this.request.answersGzip && length > 0 && length <= deflatedBytesMax) {
      this.#respondDeflated(response, length);
    } else {
      this.#respond(0, length, response);
    }
  }

  #respond(flag: 0 | 1, length: number, message: Message): void {
    this.stream.respond(this.request.responseHead, prefixOf(flag, length), message, okTrailers);
  }

  #respondDeflated(response: Message, length: number): void {
    if (this.stream.isCrowded) this.#respond(0, length, response);
    else if (length <= deflatedNowBytesMax) {
      const deflated = gzipNow(response);
      this.#respond(1, deflated.length, deflated);
    } else this.#respondLater(response, length);
  }

  #respondLater(response: Message, length: number): void {
    this.gzipQueue.run((done) => {
      // What is deflated is a copy, which takes memory until the client has taken it.
      if (this.stream.closed || this.stream.isCrowded) {
        done();
        this.#respond(0, length, response);
        return;
      }
      const isWanted = (): boolean => !this.stream.closed;
      gzip(response, isWanted, (deflated) => {
        done();
        if (deflated === undefined) this.sendStatus(noMemory);
        else this.#respond(1, deflated.length, deflated);
      });
    });
  }
}

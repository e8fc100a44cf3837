import type { EventEmitter } from 'node:events';
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { closeMessage, lengthOf } from '../../../src/transport/grpc/prefix.ts';
import type { BidiStream, Call, Message, ServerStream } from '../../../src/transport/index.ts';
import { GrpcCode, type GrpcStatus } from '../../../src/transport/index.ts';

/** A response as grpc-js sees it: it asks for the length, makes one buffer with a frame head, and has it filled. */
export type Outgoing = Message;
export type GrpcUnaryCall = ServerUnaryCall<Uint8Array, Outgoing>;
export type GrpcWritable = ServerWritableStream<Uint8Array, Outgoing>;
export type GrpcDuplex = ServerDuplexStream<Uint8Array, Outgoing>;

/** What is common to all kinds of calls. */
class AdaptedCall<C extends GrpcUnaryCall | GrpcWritable | GrpcDuplex> implements Call {
  protected readonly call: C;
  #ended = false;
  #cancelListeners: ((code: number) => void)[] | undefined;

  constructor(call: C) {
    this.call = call;
  }

  get path(): string {
    return this.call.getPath();
  }

  get peer(): string {
    return this.call.getPeer();
  }

  get deadlineMs(): number {
    return Number(this.call.getDeadline());
  }

  get ended(): boolean {
    return this.#ended || this.call.cancelled;
  }

  metadata(name: string): string | undefined {
    const value = this.call.metadata.get(name)[0];
    return value === undefined ? undefined : String(value);
  }

  onCancel(run: (code: number) => void): void {
    if (this.#cancelListeners === undefined) {
      this.#cancelListeners = [];
      // grpc-js reports the end of every call here, also of one that has been answered.
      (this.call as EventEmitter).once('cancelled', () => this.#cancelled());
    }
    this.#cancelListeners.push(run);
  }

  /** Marks the call as ended by its handler. False when it had ended before. */
  finish(): boolean {
    if (this.ended) return false;
    this.#ended = true;
    return true;
  }

  #cancelled(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const run of this.#cancelListeners ?? []) run(GrpcCode.canceled);
  }
}

export class UnaryCall extends AdaptedCall<GrpcUnaryCall> {}

/** Bytes that may wait in one stream before `send` asks for a pause, and at which it asks for more again. */
const waitingBytesMax = 1024 * 1024;
const waitingBytesLow = waitingBytesMax / 2;
/** What a waiting message costs besides its bytes: the stream's entry, the callback, the slices. */
const messageOverheadBytes = 256;

/**
 * Counts what waits by bytes: the streams of grpc-js count messages, sixteen of them, which is nothing for a thousand
 * watchers with an event each, and too much for a list.
 */
class SendingCall<C extends GrpcWritable | GrpcDuplex> extends AdaptedCall<C> implements ServerStream {
  #waitingBytes = 0;
  #isFull = false;
  readonly #drainListeners: (() => void)[] = [];

  send(message: Message): boolean {
    if (this.ended) {
      closeMessage(message);
      return false;
    }
    const length = messageOverheadBytes + lengthOf(message);
    this.#waitingBytes += length;
    this.call.write(message, () => this.#sent(length));
    this.#isFull ||= this.#waitingBytes >= waitingBytesMax;
    return !this.#isFull;
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  #sent(length: number): void {
    this.#waitingBytes -= length;
    if (!this.#isFull || this.#waitingBytes > waitingBytesLow) return;
    this.#isFull = false;
    for (const run of this.#drainListeners) {
      if (!this.ended) run();
    }
  }

  end(status?: GrpcStatus): void {
    if (!this.finish()) return;
    if (status === undefined) this.call.end();
    else this.call.emit('error', { code: status.code, details: status.message });
  }
}

export class ServerStreamCall extends SendingCall<GrpcWritable> {}

export class BidiCall extends SendingCall<GrpcDuplex> implements BidiStream {
  readonly #onFault: (error: unknown) => void;

  constructor(call: GrpcDuplex, onFault: (error: unknown) => void) {
    super(call);
    this.#onFault = onFault;
  }

  onMessage(run: (request: Uint8Array) => void): void {
    this.call.on('data', (request: Uint8Array) => {
      if (this.ended) return;
      try {
        run(request);
      } catch (error) {
        this.end({ code: GrpcCode.internal, message: 'internal error' });
        this.#onFault(error);
      }
    });
  }

  onHalfClose(run: () => void): void {
    this.call.once('end', () => {
      if (!this.ended) run();
    });
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }
}

import { ErrorCode, type Http2Stream, type StreamReceiver } from '../http2/index.ts';
import type { Call } from '../service.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import type { Arrivals, Arriving } from './arrivals.ts';
import type { Deadline, Deadlines, Timed } from './deadlines.ts';
import { onlyTrailers, trailersOf } from './header-blocks.ts';
import type { GzipQueue } from './gzip-queue.ts';
import type { MessageBudget } from './message-budget.ts';
import { MessageReader, type MessageSink } from './message-reader.ts';
import type { GrpcRequest } from './request.ts';
import type { Route } from './router.ts';

/** What all calls of a server share. */
export interface CallContext {
  readonly receiveBytesMax: number;
  readonly deadlines: Deadlines;
  readonly arrivals: Arrivals;
  /** For the beginnings of request messages. Above: ResourceExhausted, for those who hold most of it. */
  readonly budget: MessageBudget;
  readonly gzipQueue: GzipQueue;
  /** A handler threw, which is a bug. Its call has been answered with Internal. */
  readonly onFault: (error: unknown, path: string) => void;
}

/** A longer response cannot be told to a client of gRPC for Go (its lengths are int32). */
export const sendBytesMax = 0x7fffffff;

export const internalError: GrpcStatus = { code: GrpcCode.internal, message: 'internal error' };
export const deadlineExceeded: GrpcStatus = {
  code: GrpcCode.deadlineExceeded,
  message: 'context deadline exceeded',
};
const requestTooLate: GrpcStatus = {
  code: GrpcCode.deadlineExceeded,
  message: 'the request did not arrive in time',
};
export const unexpectedEnd: GrpcStatus = { code: GrpcCode.internal, message: 'unexpected EOF' };

/**
 * What is common to all kinds of calls: how they begin, how they end, and what a handler may ask. One object for a call;
 * what few calls need is made when they need it.
 */
export abstract class GrpcCall implements Call, StreamReceiver, MessageSink, Timed, Arriving {
  readonly peer: string;
  ended = false;
  next: Arriving | undefined = undefined;
  previous: Arriving | undefined = undefined;
  protected readonly stream: Http2Stream;
  protected readonly request: GrpcRequest;
  protected readonly route: Route;
  protected readonly context: CallContext;
  /** Made when a request does not come as one message in one frame. */
  protected reader: MessageReader | undefined;
  protected hasSentHead = false;
  /** The stream holds more than the client takes. */
  protected isFull = false;
  /** The status with which the call has ended before its handler ended it. */
  #cancelCode: number | undefined;
  #cancelListener: ((code: number) => void) | undefined;
  #cancelListeners: ((code: number) => void)[] | undefined;
  #deadline: Deadline | undefined;

  constructor(stream: Http2Stream, request: GrpcRequest, route: Route, context: CallContext) {
    this.stream = stream;
    this.request = request;
    this.route = route;
    this.context = context;
    this.peer = stream.peer;
    if (request.timeoutMs !== Infinity) {
      const { deadlines } = context;
      this.#deadline = deadlines.add(deadlines.nowMs() + request.timeoutMs, this);
    }
  }

  get path(): string {
    return this.route.path;
  }

  get deadlineMs(): number {
    if (this.#deadline === undefined) return Infinity;
    return Date.now() + this.#deadline.atMs - this.context.deadlines.nowMs();
  }

  metadata(name: string): string | undefined {
    return this.request.metadata(name);
  }

  onCancel(run: (code: number) => void): void {
    const code = this.#cancelCode;
    if (code !== undefined) queueMicrotask(() => this.guard(() => run(code)));
    else if (this.#cancelListener === undefined) this.#cancelListener = run;
    else (this.#cancelListeners ??= []).push(run);
  }

  // What the connection calls.

  data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    (this.reader ??= new MessageReader(this)).data(chunk, start, end, isLast);
  }

  /** Requests of gRPC have none; those that come end the request as any end does. */
  trailers(): void {
    this.endOfRequest();
  }

  cancelled(): void {
    this.#cancel(GrpcCode.canceled);
  }

  drained(): void {
    this.isFull = false;
  }

  /** The request ended, with headers or trailers and not with data. */
  endOfRequest(): void {
    (this.reader ??= new MessageReader(this)).end();
  }

  // What the reader asks and calls.

  get isGzip(): boolean {
    return this.request.isGzip;
  }

  get receiveBytesMax(): number {
    return this.context.receiveBytesMax;
  }

  abstract message(request: Buffer): void;
  abstract finished(isCut: boolean): void;

  broken(status: GrpcStatus): void {
    this.abort(status);
  }

  consumed(bytes: number): void {
    this.stream.consumed(bytes);
  }

  get gzipQueue(): GzipQueue {
    return this.context.gzipQueue;
  }

  take(bytes: number): boolean {
    return this.context.budget.take(this.peer, bytes);
  }

  give(bytes: number): void {
    this.context.budget.give(this.peer, bytes);
  }

  /** The deadline is reached. */
  expire(): void {
    this.#deadline = undefined;
    // Nobody is told the end of a call by a client that does not even take its messages.
    if (this.isFull && !this.ended) {
      this.stream.reset(ErrorCode.cancel);
      this.#cancel(GrpcCode.deadlineExceeded);
    } else this.abort(deadlineExceeded);
  }

  late(): void {
    this.abort(requestTooLate);
  }

  // What the kinds of calls share.

  /** Ends the call before its handler has ended it. */
  protected abort(status: GrpcStatus): void {
    if (this.ended) return;
    this.finish();
    this.sendStatus(status);
    this.#tellListeners(status.code);
  }

  /** Marks the call as ended. */
  protected finish(): void {
    this.ended = true;
    this.reader?.close();
    this.context.arrivals.remove(this);
    if (this.#deadline !== undefined) {
      this.context.deadlines.remove(this.#deadline);
      this.#deadline = undefined;
    }
  }

  protected sendStatus(status: GrpcStatus | undefined): void {
    if (this.hasSentHead) this.stream.trailers(trailersOf(status));
    else this.stream.headers(onlyTrailers(this.request.contentType, status), true);
  }

  /** Runs a callback of the handler, which can end the call but nothing else by an error. */
  protected guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fault(error);
    }
  }

  /** The handler threw. */
  protected fault(error: unknown): void {
    this.abort(internalError);
    this.context.onFault(error, this.path);
  }

  /** The call ends, and nobody can be told. */
  #cancel(code: number): void {
    if (this.ended) return;
    this.finish();
    this.#tellListeners(code);
  }

  #tellListeners(code: number): void {
    this.#cancelCode = code;
    const first = this.#cancelListener;
    if (first === undefined) return;
    const others = this.#cancelListeners;
    this.#cancelListener = this.#cancelListeners = undefined;
    this.guard(() => first(code));
    for (const run of others ?? []) this.guard(() => run(code));
  }
}

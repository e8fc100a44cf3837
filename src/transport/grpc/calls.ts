import { assert } from '../../base/index.ts';
import type { Http2Stream, StreamReceiver } from '../http2/index.ts';
import type { Service } from '../service.ts';
import type { GrpcStatus } from '../status.ts';
import { deadlineExceeded, type CallContext } from './call.ts';
import { GzipQueue } from './gzip-queue.ts';
import { onlyTrailers } from './header-blocks.ts';
import { GrpcRequest } from './request.ts';
import { Router, type Route } from './router.ts';
import { BidiCall, ServerStreamCall } from './stream-call.ts';
import { UnaryCall } from './unary-call.ts';

export interface GrpcCallsOptions extends Omit<CallContext, 'gzipQueue'> {
  readonly services: readonly Service[];
  /** Looks at the headers of every call of a known method first; a status refuses it. A character is one byte. */
  readonly refuse: ((header: (name: string) => string | undefined) => GrpcStatus | undefined) | undefined;
}

/** A shorter time is over before a call could be made of it. */
const timeoutMsMin = 0.01;

/** Makes calls of requests, and answers those that are none. */
export class GrpcCalls {
  readonly #router: Router;
  readonly #refuse: GrpcCallsOptions['refuse'];
  readonly #context: CallContext;

  constructor({ services, refuse, ...context }: GrpcCallsOptions) {
    this.#router = new Router(services);
    this.#refuse = refuse;
    this.#context = { ...context, gzipQueue: new GzipQueue() };
  }

  /** Serves a stream whose content type is gRPC's, or begins with it. */
  request(stream: Http2Stream): void {
    const { head } = stream;
    // Only this class derives something from heads of gRPC. Clients repeat themselves, and then share one.
    const request = (head.derived ??= new GrpcRequest(head, this.#router)) as GrpcRequest;
    const { route, answer } = request;
    if (answer !== undefined) {
      refuse(stream, request, answer.status, answer.httpStatus);
      return;
    }
    assert(route !== undefined, 'a request is a call or has an answer');
    if (request.timeoutMs < timeoutMsMin) {
      refuse(stream, request, deadlineExceeded);
      return;
    }
    const refusal = this.#refuse?.(request.header);
    if (refusal === undefined) this.#serve(stream, request, route);
    else refuse(stream, request, refusal);
  }

  #serve(stream: Http2Stream, request: GrpcRequest, route: Route): void {
    switch (route.method.kind) {
      case 'unary': {
        const call = new UnaryCall(stream, request, route, this.#context);
        stream.receiver = call;
        if (stream.endedByPeer) call.endOfRequest();
        else this.#context.arrivals.add(call);
        return;
      }
      case 'serverStream': {
        const call = new ServerStreamCall(stream, request, route, this.#context);
        stream.receiver = call;
        if (stream.endedByPeer) call.endOfRequest();
        else this.#context.arrivals.add(call);
        return;
      }
      case 'bidi': {
        const call = new BidiCall(stream, request, route, this.#context);
        stream.receiver = call;
        call.start();
        if (stream.endedByPeer) call.endOfRequest();
        return;
      }
    }
  }
}

function refuse(stream: Http2Stream, request: GrpcRequest, status: GrpcStatus, httpStatus = 200): void {
  stream.receiver = nobody;
  stream.headers(onlyTrailers(request.contentType, status, httpStatus), true);
}

/** What still comes on a stream that was answered at once. */
const nobody: StreamReceiver = {
  data: () => undefined,
  trailers: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};

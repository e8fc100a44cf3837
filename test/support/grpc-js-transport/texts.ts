import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import type { Server, ServerInterceptingCall, ServerInterceptor, StatusObject } from '@grpc/grpc-js';
import { GrpcCode, type GrpcStatus } from '../../../src/transport/index.ts';

/**
 * Where grpc-js answers by itself, its words are replaced by those of gRPC for Go, which etcd's clients see otherwise.
 * grpc-js has no hooks for it, so two of its methods are wrapped; the differential run fails when a new version of it has
 * other ones.
 */

type PartialStatus = Partial<StatusObject> & { code: number; details: string };
interface BaseCall {
  sendStatus(status: PartialStatus): void;
}

/** An interceptor that adds no layer: the call itself translates what it is about to send. */
export const answerInGosWords: ServerInterceptor = (_method, call) => {
  (call as unknown as BaseCall).sendStatus = sendStatusTranslated;
  return call as ServerInterceptingCall;
};

function sendStatusTranslated(this: BaseCall, status: PartialStatus): void {
  const original = Object.getPrototypeOf(this) as BaseCall;
  const isOk = (status.code as number) === GrpcCode.ok;
  original.sendStatus.call(this, isOk ? say(status, '') : translate(status));
}

const tooLarge = /^Received message larger than max \((\d+) vs (\d+)\)$/;
const tooLargeInflated = /^Received message that decompresses to a size larger than (\d+)$/;
const unknownEncoding = /^Received message compressed with unsupported encoding "(.*)"$/;

function translate(status: PartialStatus): PartialStatus {
  const large = tooLarge.exec(status.details);
  if (large !== null)
    return say(status, `grpc: received message larger than max (${large[1]} vs. ${large[2]})`);
  const inflated = tooLargeInflated.exec(status.details);
  if (inflated !== null)
    return say(status, `grpc: message after decompression larger than max ${inflated[1]}`);
  const encoding = unknownEncoding.exec(status.details);
  if (encoding !== null)
    return say(status, `grpc: Decompressor is not installed for grpc-encoding "${encoding[1]}"`);
  if (status.details === 'Deadline exceeded') return say(status, 'context deadline exceeded');
  if (status.details.startsWith('Received no request message')) {
    return { ...status, code: GrpcCode.internal, details: 'unexpected EOF' };
  }
  return status;
}

function say(status: PartialStatus, details: string): PartialStatus {
  return { ...status, details };
}

/** What gRPC for Go answers to a path that nobody serves. */
export function unknownMethodStatus(path: string, services: ReadonlySet<string>): GrpcStatus {
  const name = path.startsWith('/') ? path.slice(1) : path;
  const slash = name.lastIndexOf('/');
  if (slash < 0) return { code: GrpcCode.unimplemented, message: `malformed method name: "${path}"` };
  const service = name.slice(0, slash);
  const method = name.slice(slash + 1);
  const message = services.has(service)
    ? `unknown method ${method} for service ${service}`
    : `unknown service ${service}`;
  return { code: GrpcCode.unimplemented, message };
}

interface ServerInternals {
  _respondWithError(error: PartialStatus, stream: unknown, info?: unknown): void;
  _streamHandler(interceptors: unknown, stream: EventEmitter, headers: IncomingHttpHeaders): void;
}

const notImplemented = 'The server does not implement the method ';

/** Makes `server` answer calls of unknown methods as gRPC for Go does. `services` are the names of the known ones. */
export function answerUnknownMethods(server: Server, services: ReadonlySet<string>): void {
  const internals = server as unknown as ServerInternals;
  const original = internals._respondWithError.bind(server);
  internals._respondWithError = (error, stream, info) => {
    if (!error.details.startsWith(notImplemented)) {
      original(error, stream, info);
      return;
    }
    const status = unknownMethodStatus(error.details.slice(notImplemented.length), services);
    original({ ...error, code: status.code, details: encodeURI(status.message) }, stream, info);
  };
}

type Refuse = (header: (name: string) => string | undefined) => GrpcStatus | undefined;

/**
 * Makes `server` look at the headers of each call before it becomes one. grpc-js itself drops header values that are not
 * ASCII. To be called before the server's listeners or injectors exist, which keep the method that they find.
 */
export function refuseCalls(server: Server, refuse: Refuse): void {
  const internals = server as unknown as ServerInternals;
  const original = internals._streamHandler.bind(server);
  internals._streamHandler = (interceptors, stream, headers) => {
    const status = refuse((name) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    });
    if (status === undefined) {
      original(interceptors, stream, headers);
      return;
    }
    stream.once('error', () => undefined); // A broken stream has nobody left to tell.
    internals._respondWithError({ code: status.code, details: encodeURI(status.message) }, stream);
  };
}

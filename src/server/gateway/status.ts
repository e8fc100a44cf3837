import { GrpcCode, type GrpcStatus, type HttpHeaders } from '../../transport/index.ts';
import { quoteJson } from './json-encoder.ts';

/** A code's HTTP status, as grpc-gateway maps it (`HTTPStatusFromCode`). */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  [GrpcCode.canceled]: 499,
  [GrpcCode.invalidArgument]: 400,
  [GrpcCode.deadlineExceeded]: 504,
  [GrpcCode.notFound]: 404,
  [GrpcCode.alreadyExists]: 409,
  [GrpcCode.permissionDenied]: 403,
  [GrpcCode.resourceExhausted]: 429,
  [GrpcCode.failedPrecondition]: 400,
  [GrpcCode.aborted]: 409,
  [GrpcCode.outOfRange]: 400,
  [GrpcCode.unimplemented]: 501,
  [GrpcCode.unavailable]: 503,
  [GrpcCode.unauthenticated]: 401,
};

export function httpStatusOf({ code }: GrpcStatus): number {
  return HTTP_STATUS[code] ?? 500;
}

export const JSON_HEADERS: HttpHeaders = { 'content-type': 'application/json' };

/** Headers of an answer that is a message: with those of the gRPC call that etcd's gateway makes. */
export const MESSAGE_HEADERS: HttpHeaders = {
  ...JSON_HEADERS,
  'grpc-metadata-content-type': 'application/grpc',
};

export function errorHeaders({ code, message }: GrpcStatus): HttpHeaders {
  if (code !== GrpcCode.unauthenticated) return JSON_HEADERS;
  return { ...JSON_HEADERS, 'www-authenticate': message.replace(/[^\x20-\x7e]/g, '?') };
}

/** `google.rpc.Status` as JSON. In streams Go's encoding/json has it, which escapes what HTML gives a meaning to. */
export function statusJson({ code, message }: GrpcStatus, kind: 'unary' | 'stream'): string {
  const text = message === '' ? '' : `,"message":${quoteJson(message, kind === 'stream')}`;
  return `{"code":${code}${text}}`;
}

export const DEADLINE_EXCEEDED: GrpcStatus = {
  code: GrpcCode.deadlineExceeded,
  message: 'context deadline exceeded',
};

export const INTERNAL: GrpcStatus = { code: GrpcCode.internal, message: 'internal error' };

export function invalidArgument(message: string): GrpcStatus {
  return { code: GrpcCode.invalidArgument, message };
}

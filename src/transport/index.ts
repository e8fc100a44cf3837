/** Carries calls to services: bytes in, bytes out. Knows no etcd. */

export type { ByteSource } from './byte-source.ts';
export { TransportError, type TransportErrorCode } from './errors.ts';
export {
  HttpBodyError,
  type BodyStream,
  type BodyStreamOptions,
  type HttpBodyErrorCode,
  type HttpExchange,
  type HttpHandler,
  type HttpHeaders,
} from './http/exchange.ts';
export { defaultHttp1Limits, Http1Server, type Http1Limits, type Http1Options } from './http/http1.ts';
export { Listener, type ListenOptions, type Traffic } from './listener.ts';
export { createServer, type ServerOptions } from './server.ts';
export type {
  BidiHandler,
  BidiStream,
  Call,
  GrpcServer,
  Message,
  Method,
  Reply,
  ServerStream,
  ServerStreamHandler,
  Service,
  Slices,
  UnaryHandler,
} from './service.ts';
export { GrpcCode, type GrpcStatus } from './status.ts';
export { TlsAcceptor, type TlsLimits } from './tls/acceptor.ts';
export type { TlsOptions, TlsVersion } from './tls/options.ts';
export { selfSigned } from './tls/self-signed.ts';

/** Carries calls to services: bytes in, bytes out. Knows no etcd. */

export { TransportError, type TransportErrorCode } from './errors.ts';
export { createGrpcServer, type GrpcServerOptions } from './grpc-server.ts';
export { Listener } from './listener.ts';
export type {
  BidiHandler,
  BidiStream,
  Call,
  GrpcServer,
  Method,
  Reply,
  ServerStream,
  ServerStreamHandler,
  Service,
  Slices,
  UnaryHandler,
} from './service.ts';
export { GrpcCode, type GrpcStatus } from './status.ts';

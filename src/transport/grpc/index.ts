/** gRPC over HTTP/2: calls out of streams. */

export { GrpcCalls, type GrpcCallsOptions } from './calls.ts';
export { Deadlines } from './deadlines.ts';

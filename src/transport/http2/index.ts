/** HTTP/2 (RFC 9113), the server's side of a connection. Knows nothing of gRPC. */

export { Http2Connection } from './connection.ts';
export { Http2Environment, type Http2EnvironmentOptions } from './environment.ts';
export { ErrorCode } from './error-code.ts';
export type { Body, Http2Handler, Http2Stream, StreamReceiver } from './handler.ts';
export { defaultHttp2Limits, type FloodLimit, type FloodLimits, type Http2Limits } from './limits.ts';
export { RequestHead, type RequestHeadParts } from './request-head.ts';

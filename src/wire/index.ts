/** Protobuf bytes of etcd's API: hand-written codecs for the hot messages, proto-loader for the rest. */

export * from './auth-messages.ts';
export * from './basic-messages.ts';
export * from './cluster-messages.ts';
export type { ColdMessages } from './cold-messages.ts';
export * from './compaction.ts';
export * from './concurrency-messages.ts';
export {
  decodeDeleteRangeRequest,
  encodeDeleteRangeRequest,
  encodeDeleteRangeResponse,
} from './delete-range.ts';
export * from './errors.ts';
export * from './header.ts';
export * from './key-value.ts';
export * from './lease.ts';
export * from './lease-messages.ts';
export { LongMessage } from './long-message.ts';
export * from './maintenance-messages.ts';
export type { FieldKind, FieldShape, MessageShape } from './message-shape.ts';
export * from './messages.ts';
export { decodePeerMessage, greetingTextBytesMax, peerItemsMax } from './peer-decode.ts';
export { encodePeerMessage, joinedPeerMessage } from './peer-encode.ts';
export * from './peer-message.ts';
export { decodePing, encodePing, type Ping } from './peer-ping.ts';
export * from './protos.ts';
export { decodePutRequest, encodePutRequest, encodePutResponse } from './put.ts';
export {
  decodeRangeRequest,
  encodeRangeRequest,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  rangeResponseSize,
} from './range.ts';
export { Reader, WireType } from './reader.ts';
export { encodeTxnRequest } from './txn-encode.ts';
export { decodeTxnRequest, operationsMax, txnDepthMax } from './txn-request.ts';
export { encodeTxnResponse } from './txn-response.ts';
export { decodeWatchRequest, encodeWatchRequest, filtersMax } from './watch-request.ts';
export * from './watch-response.ts';
export * from './writer.ts';

import type { StoreError } from '../store/index.ts';
import { storeError, type StoreErrorCode } from '../store/index.ts';
import { GrpcCode, type GrpcStatus } from '../transport/index.ts';
import { WireError } from '../wire/index.ts';

/**
 * The one file that maps errors to what a client sees. Texts are etcd's, byte for byte, because its clients compare them
 * (etcd-v3.md A.3); those of undecodable requests are those of gRPC for Go.
 */

/** One status object per error: an error is an answer like any other. */
const statuses = new WeakMap<StoreError, GrpcStatus>();

export function statusOf(error: StoreError): GrpcStatus {
  let status = statuses.get(error);
  if (status === undefined) {
    status = { code: error.grpcCode, message: error.message };
    statuses.set(error, status);
  }
  return status;
}

export function statusOfCode(code: StoreErrorCode): GrpcStatus {
  return statusOf(storeError(code));
}

const CANNOT_PARSE = 'proto: cannot parse invalid wire-format data';

/**
 * The answer to a request whose bytes could not be decoded. gRPC for Go says it differently for unary calls and for the
 * messages of streams. Throws again what is not the client's fault.
 */
export function statusOfMalformed(error: unknown, kind: 'unary' | 'stream'): GrpcStatus {
  if (!(error instanceof WireError)) throw error;
  // etcd's limit of operations ends nesting before that of the decoder does.
  if (error.code === 'tooManyOperations' || error.code === 'nestedTooDeep') return statusOfCode('TooManyOps');
  const said = kind === 'unary' ? 'error unmarshalling request' : 'failed to unmarshal the received message';
  return { code: GrpcCode.internal, message: `grpc: ${said}: ${CANNOT_PARSE}` };
}

/** An answer of which etcd has no text, because etcd can do what is asked. */
export function unsupported(message: string): GrpcStatus {
  return { code: GrpcCode.unimplemented, message: `engram: ${message}` };
}

/** etcd's answer to an enumeration value that it does not know (`errors.ErrUnknownMethod`). */
export const UNKNOWN_METHOD: GrpcStatus = { code: GrpcCode.unknown, message: 'etcdserver: unknown method' };

/** etcd's `ErrTimeoutLeaderTransfer`, which its map of errors leaves out: so its clients do not try again. */
export const LEADER_TRANSFER_TIMEOUT: GrpcStatus = {
  code: GrpcCode.unknown,
  message: 'etcdserver: request timed out, leader transfer took too long',
};

/** An alarm request that would end etcd's process. */
export const UNKNOWN_ALARM_ACTION: GrpcStatus = {
  code: GrpcCode.invalidArgument,
  message: 'engram: unknown alarm action',
};

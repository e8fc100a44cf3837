/**
 * What can be wrong with a message:
 * - `truncated`: it ends inside a field;
 * - `lengthExceeded`: a nested length reaches beyond its message;
 * - `overlongVarint`: a varint of more than 10 bytes or more than 64 bits;
 * - `invalidTag`: field number 0 or above 2^29 - 1, or wire type 6 or 7;
 * - `unbalancedGroup`: an end of a group that was not begun, or of another one;
 * - `invalidText`: a string that is not UTF-8;
 * - `groupsTooDeep`: more than `groupDepthMax` groups inside one another;
 * - `nestedTooDeep`: more than `txnDepthMax` transactions inside one another;
 * - `tooManyOperations`: more than `operationsMax` compares and operations in one transaction. etcd's answer to it is
 *   `etcdserver: too many operations in txn request`;
 * - `valueOutOfRange`: a number that this server cannot hold exactly where it must (a chosen watch id), or more filters
 *   than there can be reason for;
 * - `malformed`: one of the above, in a message that proto-loader read; `cause` is its error.
 */
export type WireErrorCode =
  | 'truncated'
  | 'lengthExceeded'
  | 'overlongVarint'
  | 'invalidTag'
  | 'unbalancedGroup'
  | 'invalidText'
  | 'groupsTooDeep'
  | 'nestedTooDeep'
  | 'tooManyOperations'
  | 'valueOutOfRange'
  | 'malformed';

/** A message from the network that cannot be read. Nothing of it has taken effect. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;
  /** Byte in the buffer at which reading stopped. */
  readonly position: number;
  readonly retryable = false;

  constructor(code: WireErrorCode, position: number, detail: string, options?: ErrorOptions) {
    super(`Cannot read message at byte ${position}: ${detail}`, options);
    this.code = code;
    this.position = position;
  }
}

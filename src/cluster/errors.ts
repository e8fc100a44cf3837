/**
 * - `record-damaged`: what is stored is not what a node wrote.
 * - `record-format`: written by a newer program.
 * - `name-taken`: another node of this name lives.
 * - `format-too-old`: the cluster writes chunks that this program does not know.
 * - `too-many-members`: the members record is full, or this node's part of it is too large.
 * - `members-stopped`: stopped, or the engine was closed, before it was done.
 */
export type ClusterErrorCode =
  | 'record-damaged'
  | 'record-format'
  | 'name-taken'
  | 'format-too-old'
  | 'too-many-members'
  | 'members-stopped';

/** What the cluster room throws for conditions that a caller handles. Codes are stable, messages are not. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

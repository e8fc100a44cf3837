/**
 * - `record-damaged`: what is stored is not what a node wrote.
 * - `record-format`: written by a newer program.
 */
export type ClusterErrorCode = 'record-damaged' | 'record-format';

/** What the cluster room throws for conditions that a caller handles. Codes are stable, messages are not. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

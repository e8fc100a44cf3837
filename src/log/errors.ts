/**
 * - `log-damaged`: bytes of the log are not what was written. The message names the position and what to do.
 * - `log-format`: written by a newer program.
 * - `log-swept`: a tail cannot be applied to a state that is older than a sweep: replay from the start.
 * - `log-compacted`: the history that was asked for has been cleaned away.
 * - `log-stopped`: the log was closed or the call was aborted before it was done.
 * - `log-forgotten`: the store lacks or contradicts what it has shown before.
 */
export type LogErrorCode =
  'log-damaged' | 'log-format' | 'log-swept' | 'log-compacted' | 'log-stopped' | 'log-forgotten';

/** What the log room throws for conditions that a caller handles. Codes are stable, messages are not. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;
  /** For `log-compacted`: the revision of the compaction, else 0. */
  readonly compacted: number;

  constructor(code: LogErrorCode, message: string, options?: { cause?: unknown; compacted?: number }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.compacted = options?.compacted ?? 0;
  }
}

const ADVICE =
  'the store is damaged or was changed by something else; restore a backup, or start with an empty store';

/** Something that the log stores is not as it was written. `position` is for example `chunk 17`. */
export function damaged(position: string, found: string): LogError {
  return new LogError('log-damaged', `Cannot read the log at ${position}: ${found} (${ADVICE})`);
}

/** What is stored is less than what has been seen, or other. */
export function forgotten(found: string): LogError {
  return new LogError(
    'log-forgotten',
    `Cannot go on with the log: ${found} (was a backup restored under it, or a replica promoted that lagged behind?)`,
  );
}

/** Something stored has a higher format than this program knows. */
export function newerFormat(position: string, found: number, known: number): LogError {
  return new LogError(
    'log-format',
    `Cannot read the log at ${position}: it has format ${found} and this program knows formats up to ${known} (use a newer version)`,
  );
}

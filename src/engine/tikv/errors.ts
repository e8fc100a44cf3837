import { TikvError } from '../../tikv/index.ts';
import type { TikvErrorCode } from '../../tikv/index.ts';
import { EngineError } from '../index.ts';
import type { EngineErrorCode } from '../index.ts';

/** What the client's errors are in the contract's words; all others are `unavailable`. */
const CODES: Partial<Record<TikvErrorCode, EngineErrorCode>> = {
  closed: 'closed',
  aborted: 'aborted',
  too_large: 'too_large',
  disk_full: 'no_space',
  snapshot_too_old: 'snapshot_lost',
  // A key or a value that no Engram wrote.
  protocol: 'corrupt',
};

/** An error of the client as one of the contract. `action` is what could not be done: `commit`, `read`. */
export function engineError(action: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (!(error instanceof TikvError)) throw error;
  const code = CODES[error.code] ?? 'unavailable';
  return new EngineError(code, `Cannot ${action}: ${error.message}`, { cause: error });
}

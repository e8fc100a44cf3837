import { LogError } from '../log/index.ts';

/** Whether what is stored is not what was committed: it was set back, or changed, or is damaged. Nothing mends that. */
export function isCorruption(
  error: unknown,
): error is LogError & { readonly code: 'log-forgotten' | 'log-damaged' } {
  return error instanceof LogError && (error.code === 'log-forgotten' || error.code === 'log-damaged');
}

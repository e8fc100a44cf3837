import { TikvError } from './errors.ts';

/**
 * Throws TikvError `invalid` if a caller without types passes something else, such as a string: of that, a typed array
 * would silently take zeros.
 */
export function verifyBytes(what: string, bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new TikvError('invalid', `${what} must be a Uint8Array or a Buffer: it is of type ${typeof bytes}`);
}

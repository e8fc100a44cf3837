import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import type { Done } from './results.ts';

/** A failed call has no result; `done` looks at the error first. */
export function fail<T>(done: Done<T>, refusal: StoreErrorCode): void {
  (done as (error: unknown, result?: T) => void)(storeError(refusal));
}

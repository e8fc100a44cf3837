import type { Outcome } from '../log/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import type { Done } from './results.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress, WriteCall } from './write-queue.ts';

/**
 * A call of the write path, from its evaluation to its answer. Every answer, also one that wrote nothing and an error,
 * leaves when all that was proposed before it is committed, because it was computed from proposed state.
 */
export abstract class ProposingCall<T> implements WriteCall {
  readonly bytes: number;
  protected readonly parts: WriteParts;
  readonly #done: Done<T>;
  #refusal: StoreErrorCode | undefined;
  #hasWritten = false;

  constructor(parts: WriteParts, bytes: number, done: Done<T>) {
    this.parts = parts;
    this.bytes = bytes;
    this.#done = done;
  }

  abstract run(): Progress;
  /** What to answer, once `run` is done and did not fail. */
  protected abstract result(): T;

  settled(outcome: Outcome): void {
    if (outcome !== 'committed') this.#end(outcome === 'timed-out' ? 'Timeout' : 'LeaderChanged');
    else if (this.#hasWritten || this.parts.confirm === undefined) this.#answer();
    else
      this.parts.confirm((refusal) => {
        if (refusal === undefined) this.#answer();
        else this.#end(refusal);
      });
  }

  refuse(code: StoreErrorCode): void {
    this.parts.later(() => this.#end(code));
  }

  /** The state that it was judged at says no. */
  protected fail(code: StoreErrorCode): 'done' {
    this.#refusal = code;
    this.parts.writer.barrier(this);
    return 'done';
  }

  /** Nothing was written; the answer waits for what it saw. */
  protected answer(): 'done' {
    this.parts.writer.barrier(this);
    return 'done';
  }

  /** The proposal is complete. */
  protected seal(): 'done' {
    this.#hasWritten = true;
    this.parts.writer.seal(this);
    return 'done';
  }

  #answer(): void {
    if (this.#refusal === undefined) this.#done(undefined, this.result());
    else this.#end(this.#refusal);
  }

  /** A failed call has no result; `done` looks at the error first. */
  #end(code: StoreErrorCode): void {
    (this.#done as (error: unknown, result?: T) => void)(storeError(code));
  }
}

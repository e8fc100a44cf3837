import type { BackoffLimits, Bytes, Random, Scheduler } from '../base/index.ts';
import { backoffMs, equalBytes, pause } from '../base/index.ts';
import type { Condition, Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';

const RETRY: BackoffLimits = { firstMs: 5, maxMs: 200 };

/**
 * One record in the engine that several nodes replace by compare-and-set. Whoever writes it never writes the same bytes
 * twice, so what is found tells whether a write of unknown outcome took effect.
 */
export class SharedRecord {
  readonly #engine: Engine;
  readonly #key: Bytes;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #signal: AbortSignal;

  constructor(parts: {
    engine: Engine;
    key: Bytes;
    scheduler: Scheduler;
    random: Random;
    /** Ends waiting for an engine that does not answer. */
    signal: AbortSignal;
  }) {
    this.#engine = parts.engine;
    this.#key = parts.key;
    this.#scheduler = parts.scheduler;
    this.#random = parts.random;
    this.#signal = parts.signal;
  }

  /** Undefined: there is none. Rejects with EngineError. */
  async read(): Promise<Bytes | undefined> {
    await using snapshot = await this.#engine.snapshot();
    return await snapshot.get(this.#key);
  }

  /**
   * Replaces `from` (undefined: nothing) by `to`. Resolves to whether it did; undefined when that was not found out before
   * the signal, or because the engine was closed. Sends the same bytes on the same condition until the answer is known.
   * Rejects with EngineError when trying again cannot help; what was sent before may take effect all the same.
   */
  async replace(from: Bytes | undefined, to: Bytes): Promise<boolean | undefined> {
    const key = this.#key;
    const condition: Condition =
      from === undefined ? { key, is: 'absent' } : { key, is: 'equal', value: from };
    const batch = { conditions: [condition], writes: [{ key, value: to }] };
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        const result = await this.#engine.commit(batch, this.#signal);
        if (result.kind === 'committed') return true;
        if (result.kind === 'conflict') {
          const found = await this.read();
          if (found !== undefined && equalBytes(found, to)) return true;
          // It is as it was: the conflict was with a commit that is gone again, so this one is sent again.
          const isUnchanged = found === undefined ? from === undefined : from && equalBytes(found, from);
          if (isUnchanged !== true) return false;
        }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (error.code === 'closed' || error.code === 'aborted') return undefined;
        if (!error.retryable) throw error;
      }
      await this.#pause(attempt);
    }
    return undefined;
  }

  #pause(attempt: number): Promise<void> {
    return pause(this.#scheduler, backoffMs(this.#random, RETRY, attempt), this.#signal);
  }
}

import type { Clock } from '../base/index.ts';
import type { Batch, CommitResult, Engine, KeyRange, Snapshot } from '../engine/index.ts';

/** An engine that tells how long each commit took, in seconds. */
export class TimedEngine implements Engine {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #observe: (seconds: number) => void;

  constructor(engine: Engine, clock: Clock, observe: (seconds: number) => void) {
    this.#engine = engine;
    this.#clock = clock;
    this.#observe = observe;
  }

  get capabilities(): Engine['capabilities'] {
    return this.#engine.capabilities;
  }

  snapshot(): Promise<Snapshot> {
    return this.#engine.snapshot();
  }

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    const startMs = this.#clock.nowMs();
    try {
      return await this.#engine.commit(batch, signal);
    } finally {
      this.#observe((this.#clock.nowMs() - startMs) / 1000);
    }
  }

  sizeBytes(): Promise<number> {
    return this.#engine.sizeBytes();
  }

  compact(range?: KeyRange): Promise<void> {
    return this.#engine.compact(range);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

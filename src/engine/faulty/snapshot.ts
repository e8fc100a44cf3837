import type { Bytes } from '../../base/index.ts';
import { closedError } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';

/** The caller's engine, as its snapshots see it. */
export interface ReadGate {
  readonly isClosed: boolean;
  delayedRead<T>(read: () => Promise<T>): Promise<T>;
}

/** A snapshot each of whose reads, and each batch of whose scans, is delayed or refused as the plan has it. */
export class FaultySnapshot implements Snapshot {
  readonly #engine: ReadGate;
  readonly #inner: Snapshot;

  constructor(engine: ReadGate, inner: Snapshot) {
    this.#engine = engine;
    this.#inner = inner;
  }

  async get(key: Bytes): Promise<Bytes | undefined> {
    this.#assertOpen();
    return await this.#engine.delayedRead(() => this.#inner.get(key));
  }

  async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
    const batches = this.#inner.scan(range)[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#assertOpen();
        const next = await this.#engine.delayedRead(() => batches.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await batches.return?.();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #assertOpen(): void {
    if (this.#engine.isClosed) throw closedError('engine');
  }
}

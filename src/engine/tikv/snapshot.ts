import { assert, eitherSignal } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import type { KeptSnapshot, TikvSnapshot } from '../../tikv/index.ts';
import { assertKey, closedError, SCAN_BATCH_BYTES_MAX } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';
import { engineError } from './errors.ts';

/** The engine, as its snapshots see it. */
export interface ReadGate {
  isClosed(): boolean;
  /** Aborted when what is still being read has to end, because the engine is closed. */
  readonly signal: AbortSignal;
  track<T>(promise: Promise<T>): Promise<T>;
}

/** A timestamp of TiKV, and what keeps old versions there until the snapshot is disposed. */
export class TikvEngineSnapshot implements Snapshot {
  readonly #gate: ReadGate;
  readonly #inner: TikvSnapshot;
  readonly #kept: KeptSnapshot;
  readonly #disposed = new AbortController();

  constructor(gate: ReadGate, inner: TikvSnapshot, kept: KeptSnapshot) {
    this.#gate = gate;
    this.#inner = inner;
    this.#kept = kept;
  }

  async get(key: Bytes): Promise<Bytes | undefined> {
    assertKey(key);
    this.#assertReadable();
    const { signal } = this.#gate;
    return await this.#gate.track(this.#read(this.#inner.get(key, { signal })));
  }

  async *scan(range: ScanRange): AsyncGenerator<readonly Entry[]> {
    const { gte, lt, reverse = false, limit } = range;
    assert(limit === undefined || limit >= 0, 'the limit of a scan is not negative');
    this.#assertReadable();
    if (limit === 0 || Buffer.compare(gte, lt) >= 0) return;
    const abort = eitherSignal(this.#gate.signal, this.#disposed.signal);
    const batches = this.#inner
      .scan({
        gte,
        lt,
        reverse,
        batchBytes: SCAN_BATCH_BYTES_MAX,
        signal: abort,
        ...(limit !== undefined && { limit }),
      })
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#assertReadable();
        const next = await this.#gate.track(this.#read(batches.next()));
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await batches.return?.();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    this.#kept.release();
    return Promise.resolve();
  }

  #assertReadable(): void {
    if (this.#gate.isClosed()) throw closedError('engine');
    if (this.#disposed.signal.aborted) throw closedError('snapshot');
    try {
      this.#kept.verify();
    } catch (error) {
      throw engineError('read', error);
    }
  }

  async #read<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      if (this.#gate.isClosed()) throw closedError('engine');
      if (this.#disposed.signal.aborted) throw closedError('snapshot');
      throw engineError('read', error);
    }
  }
}

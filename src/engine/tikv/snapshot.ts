import { assert, eitherSignal } from '../../base/index.ts';
import type { Bytes, Clock } from '../../base/index.ts';
import type { TikvSnapshot } from '../../tikv/index.ts';
import { assertKey, closedError, EngineError, SCAN_BATCH_BYTES_MAX } from '../index.ts';
import type { Entry, ScanRange, Snapshot } from '../index.ts';
import { engineError } from './errors.ts';

/** The engine, as its snapshots see it. */
export interface ReadGate {
  readonly clock: Clock;
  isClosed(): boolean;
  /** Aborted when what is still being read has to end, because the engine is closed. */
  readonly signal: AbortSignal;
  /** Reads at a snapshot that is older than this are refused: what they would read may be collected already. */
  readonly snapshotMsMax: number;
  track<T>(promise: Promise<T>): Promise<T>;
}

/** A timestamp of TiKV: it holds nothing there, so that it must not be read at for long (see `snapshotMsMax`). */
export class TikvEngineSnapshot implements Snapshot {
  readonly #gate: ReadGate;
  readonly #inner: TikvSnapshot;
  readonly #takenMs: number;
  readonly #disposed = new AbortController();

  constructor(gate: ReadGate, inner: TikvSnapshot, takenMs: number) {
    this.#gate = gate;
    this.#inner = inner;
    this.#takenMs = takenMs;
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
    return Promise.resolve();
  }

  #assertReadable(): void {
    const { clock, snapshotMsMax } = this.#gate;
    if (this.#gate.isClosed()) throw closedError('engine');
    if (this.#disposed.signal.aborted) throw closedError('snapshot');
    if (clock.nowMs() - this.#takenMs <= snapshotMsMax) return;
    const seconds = Math.round(snapshotMsMax / 1000);
    const message = `Cannot read at a snapshot of TiKV that is older than ${seconds} s: what it shows may be collected`;
    throw new EngineError('snapshot_lost', message);
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

import { assert } from '../base/index.ts';
import { Cleaner, HistoryReader, LogApplier, LogKeys, LogMap, LogWriter, replay } from '../log/index.ts';
import type { CommittedChunk, Replayed } from '../log/index.ts';
import type { StoreLimits } from './limits.ts';
import type { StoreOptions } from './options.ts';
import { State } from './state.ts';

/** How often a take-over may lose to an older leader that is still writing. */
const ATTEMPTS_MAX = 16;

/** What a leader appends with, and cleans. */
export interface TakenOver {
  readonly writer: LogWriter;
  readonly cleaner: Cleaner;
}

/**
 * The log under a store's state: read from the engine, or chunk by chunk as a leader pushes it, or taken over. One of
 * these at a time. What throws leaves a state that is to be thrown away.
 */
export class OpenLog {
  readonly state: State;
  readonly history: HistoryReader;
  readonly #options: StoreOptions;
  readonly #limits: StoreLimits;
  readonly #keys: LogKeys;
  readonly #map = new LogMap();
  /** The highest chunk format that is read, if it was given. */
  readonly #knows: { readonly knows?: number };
  readonly #signal: AbortSignal;
  /** For pushed chunks; made anew after everything else that has applied something. */
  #applier: LogApplier | undefined;
  #isBusy = false;
  #hasRead = false;

  constructor(options: StoreOptions, limits: StoreLimits) {
    const { random, engine, chunkFormat } = options;
    const { historyBytesInMemoryMax, segmentBytes } = limits;
    this.#options = options;
    this.#limits = limits;
    this.#keys = new LogKeys(options.keyspace);
    this.#signal = options.signal ?? new AbortController().signal;
    this.state = new State({ random, historyBytesInMemoryMax, segmentBytes });
    this.#knows = chunkFormat === undefined ? {} : { knows: chunkFormat.knows };
    this.history = new HistoryReader({ engine, keys: this.#keys, map: this.#map, ...this.#knows });
  }

  /**
   * Goes on with the log from where the state is, up to `upTo` (a chunk that reaches beyond it is left for later) or to
   * its head. Throws LogError when it is damaged or cannot be gone on with, and EngineError.
   */
  async read(upTo = Infinity): Promise<Replayed> {
    const { engine, faults } = this.#options;
    const { state } = this;
    assert(!this.#isBusy, 'the log is read by one at a time');
    this.#isBusy = true;
    this.#applier = undefined;
    // Sorting once at the end is worth it from nothing; else readers are at work meanwhile.
    const isFirst = !this.#hasRead;
    this.#hasRead = true;
    if (isFirst) state.index.beginBulk();
    try {
      return await replay({
        ...{ engine, upTo, keys: this.#keys, map: this.#map, arena: state.segments, target: state },
        ...{ from: state.sequence, fromRevision: state.revision, fromEpoch: state.epoch },
        ...{ signal: this.#signal },
        ...this.#knows,
        ...(faults === undefined ? {} : { faults }),
      });
    } finally {
      if (isFirst) state.index.endBulk();
      this.#isBusy = false;
    }
  }

  /** Applies the chunks of a whole commit that follows what the state has. */
  apply(chunks: readonly CommittedChunk[]): void {
    const { state } = this;
    const { faults } = this.#options;
    assert(!this.#isBusy, 'nothing is pushed while the log is read');
    this.#applier ??= new LogApplier({
      ...{ map: this.#map, arena: state.segments, target: state },
      ...{ from: state.sequence, fromRevision: state.revision },
      ...this.#knows,
      ...(faults === undefined ? {} : { faults }),
    });
    for (const { sequence, bytes } of chunks) this.#applier.take(sequence, bytes);
  }

  /**
   * Reads the log to its head and begins an epoch, `epoch` or else the one after the last. A leader of an older one may
   * append meanwhile: then what it appended is read, and the take-over is tried again. Undefined: a higher epoch has begun,
   * or, for a given epoch, an older leader writes too fast to be overtaken now.
   */
  async takeOver(epoch?: number): Promise<TakenOver | undefined> {
    const { state } = this;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { head, headBytes } = await this.read();
      assert(
        state.sequence === head.sequence && state.revision === head.revision,
        'a replay ends at the head',
      );
      const writer = this.#newWriter({ head, headBytes }, epoch ?? head.epoch + 1);
      const outcome = await writer.start();
      if (outcome === 'leading') return { writer, cleaner: this.#newCleaner(writer) };
      if (outcome === 'deposed' && epoch !== undefined) return undefined;
    }
    const { keyspace, logger } = this.#options;
    if (epoch !== undefined) {
      logger.warn('cannot take the log over: an older leader keeps writing', {
        epoch,
        attempts: ATTEMPTS_MAX,
      });
      return undefined;
    }
    throw new Error(`Cannot take over the log: another process keeps writing to keyspace ${keyspace}`);
  }

  #newWriter({ head, headBytes }: Replayed, epoch: number): LogWriter {
    const { engine, clock, scheduler, random, logger, lease, faults, logLimits, chunkFormat } = this.#options;
    const { state } = this;
    return new LogWriter({
      ...{ engine, head, headBytes, epoch, clock, scheduler, random, lease, logger },
      ...{ keys: this.#keys, arena: state.segments, map: this.#map, listener: state },
      limits: { requestTimeoutMs: this.#limits.requestTimeoutMs, ...logLimits },
      ...(chunkFormat === undefined ? {} : { formats: chunkFormat }),
      ...(faults === undefined ? {} : { faults }),
    });
  }

  #newCleaner(writer: LogWriter): Cleaner {
    const { engine, scheduler, logger, faults, cleanerLimits: limits, chunkFormat } = this.#options;
    return new Cleaner({
      ...{ writer, engine, keys: this.#keys, map: this.#map, liveness: this.state, scheduler, logger },
      ...(chunkFormat === undefined ? {} : { formats: chunkFormat }),
      ...(faults === undefined ? {} : { faults }),
      ...(limits === undefined ? {} : { limits }),
    });
  }
}

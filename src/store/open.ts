import { assert } from '../base/index.ts';
import type { LogWriter } from '../log/index.ts';
import { Cleaner, HistoryReader, LogKeys, LogMap, LogWriter as Writer, replay } from '../log/index.ts';
import type { StoreLimits } from './limits.ts';
import type { StoreOptions } from './options.ts';
import { State } from './state.ts';

/** A store that has read its log and may append to it. */
export interface Opened {
  readonly state: State;
  readonly writer: LogWriter;
  readonly cleaner: Cleaner;
  readonly history: HistoryReader;
}

/** How often a start may lose to an older leader that is still writing. */
const ATTEMPTS_MAX = 16;

/**
 * Reads the log and takes it over. Throws LogError when it is damaged, and EngineError; nothing is served then. A leader of
 * an older epoch may append meanwhile: then what it appended is read, and the take-over is tried again.
 */
export async function openLog(options: StoreOptions, limits: StoreLimits): Promise<Opened> {
  const { engine, clock, scheduler, random, logger, lease } = options;
  const faults = options.faults === undefined ? {} : { faults: options.faults };
  const keys = new LogKeys(options.keyspace);
  const map = new LogMap();
  const signal = options.signal ?? new AbortController().signal;
  const { historyBytesInMemoryMax, segmentBytes } = limits;
  const state = new State({ random, historyBytesInMemoryMax, segmentBytes });
  const arena = state.segments;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    state.index.beginBulk();
    const from = { from: state.sequence, fromRevision: state.revision };
    const { head, headBytes } = await replay({
      engine,
      keys,
      arena,
      map,
      target: state,
      ...from,
      signal,
      ...faults,
    });
    state.index.endBulk();
    assert(state.sequence === head.sequence && state.revision === head.revision, 'a replay ends at the head');
    const writer = new Writer({
      ...{ engine, keys, arena, map, head, headBytes, clock, scheduler, random, lease, logger, ...faults },
      epoch: head.epoch + 1,
      listener: state,
      limits: { requestTimeoutMs: limits.requestTimeoutMs, ...options.logLimits },
    });
    const outcome = await writer.start();
    if (outcome !== 'leading') continue;
    const cleaner = new Cleaner({
      ...{ writer, engine, keys, map, liveness: state, scheduler, logger, ...faults },
      ...(options.cleanerLimits === undefined ? {} : { limits: options.cleanerLimits }),
    });
    return { state, writer, cleaner, history: new HistoryReader({ engine, keys, map }) };
  }
  throw new Error(`Cannot take over the log: another process keeps writing to keyspace ${options.keyspace}`);
}

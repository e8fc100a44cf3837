import { pause } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import type { LogError } from '../log/index.ts';
import type { ReadIndex, StoreErrorCode, StoreOptions } from '../store/index.ts';
import { Store } from '../store/index.ts';
import type { ClusterFaults } from './faults.ts';
import { Follower } from './follower.ts';

/** Between two attempts at a store that others serve and that does not answer. */
const RETRY_MS = 1000;

export interface ServedStoreParts {
  readonly store: Omit<StoreOptions, 'readIndex'>;
  /** Absent where nobody else can lead. */
  readonly index: { readonly always: boolean; readonly ask: AskIndex } | undefined;
  readonly requestTimeoutMs: number;
  readonly faults: ClusterFaults;
  readonly swept: () => void;
  readonly corrupt: (error: LogError) => void;
  readonly failed: (error: unknown) => void;
}

/** Learns the sequence that a leader had committed after the call. */
type AskIndex = (done: (answer: number | StoreErrorCode) => void) => void;

/** A store and what keeps it up to date. Another one takes its place when a sweep has passed what it has not applied. */
export class ServedStore {
  readonly store: Store;
  readonly follower: Follower;

  private constructor(store: Store, follower: Follower) {
    this.store = store;
    this.follower = follower;
  }

  /** Reads the log; again and again while an engine that others share does not answer. Throws as `Store.follow`. */
  static async open(parts: ServedStoreParts): Promise<ServedStore> {
    const { index, requestTimeoutMs, faults, swept, corrupt, failed } = parts;
    const opened: { follower?: Follower } = {};
    const readIndex: ReadIndex | undefined = index && {
      always: index.always,
      ask: (done) =>
        index.ask((answer) => {
          if (typeof answer === 'string') done(answer);
          else if (opened.follower === undefined) done('Timeout');
          else opened.follower.whenApplied(answer, done);
        }),
    };
    const store = await readAll(readIndex === undefined ? parts.store : { ...parts.store, readIndex });
    const { clock, scheduler, random, logger } = parts.store;
    const runtime = { clock, scheduler, random, logger };
    const follower = new Follower({ ...runtime, store, faults, requestTimeoutMs, swept, corrupt, failed });
    opened.follower = follower;
    return new ServedStore(store, follower);
  }
}

async function readAll(options: StoreOptions): Promise<Store> {
  const { engine, scheduler, logger, signal } = options;
  for (;;) {
    try {
      return await Store.follow(options);
    } catch (error) {
      const isRetried = engine.capabilities.shared && error instanceof EngineError && error.retryable;
      if (!isRetried || signal?.aborted === true) throw error;
      logger.warn('cannot read the log, it is tried again', { error: error.message, waitMs: RETRY_MS });
      await pause(scheduler, RETRY_MS, signal);
      signal?.throwIfAborted();
    }
  }
}

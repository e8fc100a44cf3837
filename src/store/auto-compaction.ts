import { assert } from '../base/index.ts';
import type { Cancel, Clock, Logger, Scheduler } from '../base/index.ts';
import type { StoreError } from './errors.ts';

/** etcd's `--auto-compaction-mode` and `--auto-compaction-retention`. */
export type AutoCompactionOptions =
  | { readonly mode: 'off' }
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retentionRevisions: number };

export interface AutoCompactionTarget {
  current(): number;
  /** While a node follows it notes revisions, so that it can go on where a leader has ended; it compacts nothing. */
  isPaused(): boolean;
  compact(revision: number, done: (error: StoreError | undefined) => void): void;
}

const HOUR_MS = 3_600_000;
/** etcd samples, and tries again, this many times in each interval between compactions. */
const SAMPLES_PER_INTERVAL = 10;
const REVISION_MODE_INTERVAL_MS = 300_000;

interface Parts {
  readonly target: AutoCompactionTarget;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/**
 * Compacts by itself, as etcd does (server/etcdserver/api/v3compactor). `periodic` keeps the revisions of the last
 * `retentionMs`: it notes the revision ten times in every interval (the retention, at most an hour) and compacts once
 * an interval to the oldest note, the first time after a whole retention. `revision` keeps that many revisions, looking
 * every five minutes. Every node of a cluster takes notes from its start on, and the one that leads compacts: else each new
 * leader would begin a whole retention anew.
 */
export class AutoCompaction {
  readonly #parts: Parts;
  #cancel: Cancel = () => undefined;
  #stopped = false;

  constructor(options: AutoCompactionOptions, parts: Parts) {
    this.#parts = parts;
    if (options.mode === 'periodic') this.#periodic(options.retentionMs);
    if (options.mode === 'revision') this.#byRevision(options.retentionRevisions);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #periodic(retentionMs: number): void {
    assert(retentionMs > 0, 'a retention is positive');
    const { target, clock } = this.#parts;
    const intervalMs = Math.min(retentionMs, HOUR_MS);
    const sampleMs = intervalMs / SAMPLES_PER_INTERVAL;
    const samplesMax = Math.floor(retentionMs / sampleMs) + 1;
    const samples: number[] = [];
    let last = { revision: 0, atMs: clock.nowMs() };
    let waitMs = retentionMs;
    const sample = (): void => {
      samples.push(target.current());
      if (samples.length > samplesMax) samples.shift();
      this.#after(sampleMs, () => {
        const revision = samples[0] as number;
        if (target.isPaused()) return sample();
        if (clock.nowMs() - last.atMs < waitMs || revision === last.revision) return sample();
        waitMs = intervalMs;
        this.#compact(revision, (succeeded) => {
          if (succeeded) last = { revision, atMs: clock.nowMs() };
          sample();
        });
      });
    };
    sample();
  }

  #byRevision(retentionRevisions: number): void {
    assert(retentionRevisions > 0, 'a retention is positive');
    let last = 0;
    const look = (): void => {
      this.#after(REVISION_MODE_INTERVAL_MS, () => {
        const { target } = this.#parts;
        const revision = target.current() - retentionRevisions;
        if (target.isPaused() || revision <= 0 || revision === last) return look();
        this.#compact(revision, (succeeded) => {
          if (succeeded) last = revision;
          look();
        });
      });
    };
    look();
  }

  #after(delayMs: number, run: () => void): void {
    if (!this.#stopped) this.#cancel = this.#parts.scheduler.after(delayMs, run);
  }

  /** A revision that is compacted already counts as done, as in etcd. */
  #compact(revision: number, done: (succeeded: boolean) => void): void {
    const { target, logger } = this.#parts;
    target.compact(revision, (error) => {
      if (error === undefined) logger.info('compacted automatically', { revision });
      else if (error.code !== 'Compacted') {
        logger.warn('automatic compaction failed, it is tried again', { revision, error: error.message });
      }
      done(error === undefined || error.code === 'Compacted');
    });
  }
}

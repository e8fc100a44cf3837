import type { Logger, Scheduler } from '../base/index.ts';
import type { VersionId } from '../index/index.ts';
import type { WatchLimits } from './limits.ts';
import type { Pass } from './pass.ts';
import type { WatchSource } from './source.ts';

const RETRY_MS = 50;

interface Wanted {
  readonly version: VersionId;
  readonly revision: number;
  readonly sub: number;
}

export interface ReadBackHost {
  readonly source: WatchSource;
  readonly scheduler: Scheduler;
  readonly limits: WatchLimits;
  readonly logger: Logger;
}

/**
 * Reads values that memory no longer holds, for passes that wait for them. Versions are named by revision and
 * sub-revision before the first await: their slots mean nothing after a compaction, which the pass checks for when it
 * goes on.
 */
export class ReadBack {
  readonly #host: ReadBackHost;
  readonly #done: (pass: Pass, isRead: boolean) => void;
  readonly #queue: { pass: Pass; wanted: readonly Wanted[] }[] = [];
  #reading = 0;

  constructor(host: ReadBackHost, done: (pass: Pass, isRead: boolean) => void) {
    this.#host = host;
    this.#done = done;
  }

  /** Fills `pass.readBack`, then calls `done`. */
  read(pass: Pass, versions: readonly VersionId[]): void {
    const { index } = this.#host.source;
    const wanted = [...new Set(versions)].map((version) => ({
      version,
      revision: index.revision(version),
      sub: index.sub(version),
    }));
    pass.isReading = true;
    this.#queue.push({ pass, wanted });
    this.#start();
  }

  #start(): void {
    while (this.#reading < this.#host.limits.readingPassesMax) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#reading++;
      void this.#run(job.pass, job.wanted).then((isRead) => {
        this.#reading--;
        job.pass.isReading = false;
        this.#done(job.pass, isRead);
        this.#start();
      });
    }
  }

  /** False when the values cannot be read. Does not reject. */
  async #run(pass: Pass, wanted: readonly Wanted[]): Promise<boolean> {
    const { limits, logger } = this.#host;
    let failures = 0;
    for (let at = 0; at < wanted.length;) {
      // Nobody waits any more, or what is read could not be used.
      if (pass.ranges.size === 0 || pass.isLost) return true;
      try {
        await this.#readSome(pass, wanted.slice(at, at + limits.readsPerPassMax));
        at += limits.readsPerPassMax;
        failures = 0;
      } catch (error) {
        if (++failures > limits.readRetriesMax) {
          logger.error('watch history cannot be read; ending the streams that need it', { error });
          return false;
        }
        logger.warn('watch history cannot be read; trying again', { error, failures });
        await new Promise<void>((resolve) => this.#host.scheduler.after(RETRY_MS * 2 ** failures, resolve));
      }
    }
    return true;
  }

  async #readSome(pass: Pass, wanted: readonly Wanted[]): Promise<void> {
    const { history } = this.#host.source;
    const { readBack } = pass;
    const bodies = await Promise.all(wanted.map(({ revision, sub }) => history.body(revision, sub)));
    // The pass has not moved: it waits. A compaction may have overtaken it; then all of this is dropped.
    for (const [i, { version, revision }] of wanted.entries()) {
      const body = bodies[i]!;
      readBack.set(version, body === 'compacted' ? undefined : body);
      // A version before the pass is only some event's prev_kv, which is left out then.
      if (body === 'compacted' && revision >= pass.next)
        pass.lostBelow = Math.max(pass.lostBelow, revision + 1);
    }
  }
}

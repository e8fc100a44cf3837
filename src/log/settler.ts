import { backoffMs, pause } from '../base/index.ts';
import type { Clock, Random, Scheduler } from '../base/index.ts';
import type { CommitResult, Condition, Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import { judgeConflict } from './judge.ts';
import type { LogKeys } from './keys.ts';
import type { LogLimits } from './limits.ts';
import type { SettledCommit, Settlement } from './settlement.ts';

export type { SettledCommit, Settlement } from './settlement.ts';

/** An uncertain commit is being sent again. */
export interface Doubt {
  /** By the clock. */
  readonly sinceMs: number;
  readonly cause: Error;
}

export interface SettlerOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly epoch: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly limits: LogLimits;
  readonly faults: LogFaults;
  /** The highest chunk format that is read. */
  readonly knows: number;
}

/** Sends commits, each until its outcome is known. An uncertain one is sent again, the same bytes on the same condition. */
export class Settler {
  doubt: Doubt | undefined;
  readonly #options: SettlerOptions;
  readonly #abort = new AbortController();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Gives up what is in doubt: its outcome is `unknown`, or `lost` when nothing was ever sent. */
  stop(): void {
    this.#abort.abort();
  }

  /** Throws LogError when the log of another epoch is damaged. */
  async settle(commit: SettledCommit): Promise<Settlement> {
    const { engine, keys, faults } = this.#options;
    const { headBytes, nextHeadBytes } = commit;
    const condition: Condition =
      headBytes === undefined
        ? { key: keys.head, is: 'absent' }
        : { key: keys.head, is: 'equal', value: headBytes };
    const conditions = planted(faults, 'no-head-condition') ? [] : [condition];
    const batch = { conditions, writes: [...commit.writes, { key: keys.head, value: nextHeadBytes }] };
    let mayHaveLanded = false;
    for (let attempt = 0; ; attempt++) {
      let cause: Error;
      try {
        const result: CommitResult = await engine.commit(batch, this.#abort.signal);
        if (result.kind === 'uncertain') {
          if (planted(faults, 'uncertain-is-failed')) return 'lost';
          mayHaveLanded = true;
          cause = result.cause;
        } else {
          const known =
            result.kind === 'committed' ? 'committed' : await judgeConflict(this.#options, commit);
          if (known !== undefined) {
            this.doubt = undefined;
            return known;
          }
          cause = new Error('The commit conflicts with a head that is as it was left');
        }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (error.code === 'closed' || this.#abort.signal.aborted) return mayHaveLanded ? 'unknown' : 'lost';
        // Nothing was written by this attempt, and nothing else than time can help: the proposals of the next groups
        // were judged on this one, so it cannot be dropped alone.
        cause = error;
      }
      this.doubt = { sinceMs: this.doubt?.sinceMs ?? this.#options.clock.nowMs(), cause };
      await this.#delay(attempt);
      if (this.#abort.signal.aborted) return mayHaveLanded ? 'unknown' : 'lost';
    }
  }

  #delay(attempt: number): Promise<void> {
    const { limits, random, scheduler } = this.#options;
    const backoff = { firstMs: limits.retryDelayMs, maxMs: limits.retryDelayMsMax };
    return pause(scheduler, backoffMs(random, backoff, attempt), this.#abort.signal);
  }
}

import { backoffMs, pause } from '../../base/index.ts';
import type { Bytes, Clock, Logger, Random, Scheduler } from '../../base/index.ts';
import type { Mutation, TxnOutcome } from '../../tikv/index.ts';
import { abortedError, EngineError } from '../index.ts';
import type { Batch, CommitResult } from '../index.ts';
import { engineError } from './errors.ts';
import { Fence } from './fence.ts';
import type { Transactions } from './fence.ts';

/** What the engine gives its lanes to work with. */
export interface LaneParts {
  readonly client: Transactions;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: LaneLimits;
}

export interface LaneLimits {
  /** A commit is answered after so long at the latest, settling included: with `uncertain` if need be. */
  readonly commitMsMax: number;
  /** What was fetched ahead is fetched again when it is older than this: locks count their age from the timestamp. */
  readonly aheadMsMax: number;
  /** A commit that met another transaction is tried again after about this long, doubled each time, at most 100 ms. */
  readonly retryMs: number;
}

const RETRY_MS_MAX = 100;
const COMMITTED: CommitResult = { kind: 'committed' };

/**
 * Commits on the same condition, one after the other. TiKV knows no conditions on values; so each is judged by a read at
 * the start timestamp of the transaction, and the transaction writes the key, so that a write in between is a conflict.
 *
 * 1. After each commit the next one's timestamp and values are fetched ahead: it then takes one round trip.
 * 2. The timestamp is asked for beside the commit before. It can be used if that commit itself got a lower one; else
 *    the commit would conflict with it.
 * 3. `conflict` is said only of values that were fetched after the call began.
 * 4. What was fetched ahead is used for `aheadMsMax` at most: a store that is set back to an earlier state must not take
 *    a commit that was judged before.
 * 5. A conflict of the transaction says nothing about the conditions: they are judged again at a new timestamp.
 */
export class CommitLane {
  readonly #parts: LaneParts;
  #last: Promise<unknown> = Promise.resolve();
  #ahead: Promise<Fence | undefined> | undefined;
  #waiting = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** Commits that wait or are under way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** As `Engine.commit`; the batch has been admitted. */
  commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.#waiting++;
    const turn = this.#last.then(() => this.#commit(batch, signal)).finally(() => this.#waiting--);
    // Its failure is the caller's to handle; the next one goes on.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when nothing is under way any more, what is fetched ahead included. */
  async idle(): Promise<void> {
    await this.#last;
    await this.#ahead;
  }

  async #commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    const { clock, limits } = this.#parts;
    const untilMs = clock.nowMs() + limits.commitMsMax;
    const mutations = mutationsOf(batch);
    let fence = await this.#takeAhead(batch);
    let isFresh = false;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) throw abortedError(signal);
      if (fence === undefined) {
        fence = await this.#fetch(keysOf(batch), signal);
        isFresh = true;
      }
      const broken = fence.broken(batch.conditions);
      if (broken === undefined) {
        // The client takes as long again to settle what it could not find out.
        const budgetMs = Math.max(untilMs - clock.nowMs(), limits.commitMsMax / 2) / 2;
        const result = await this.#send(batch, mutations, { fence, budgetMs, signal });
        if (result !== undefined) return result;
        if (clock.nowMs() >= untilMs) {
          const message = 'Cannot commit: other transactions keep writing the same keys';
          throw new EngineError('unavailable', message);
        }
        await this.#pause(attempt, signal);
      } else if (isFresh) return { kind: 'conflict', key: broken.key };
      fence = undefined;
    }
  }

  /** One attempt; undefined: it had no effect, and the conditions are to be judged again. */
  async #send(
    batch: Batch,
    mutations: readonly Mutation[],
    attempt: { readonly fence: Fence; readonly budgetMs: number; readonly signal: AbortSignal },
  ): Promise<CommitResult | undefined> {
    const { client, clock, logger } = this.#parts;
    const { fence, budgetMs, signal } = attempt;
    const next = { atMs: clock.nowMs(), timestamp: client.timestamp() };
    // Without it the next commit asks again.
    next.timestamp.catch((error: unknown) => logger.debug('no timestamp ahead', { error: String(error) }));
    const primary = batch.conditions[0]?.key;
    let outcome: TxnOutcome;
    try {
      outcome = await client.commit(mutations, {
        ...(primary !== undefined && { primary }),
        ...{ startTimestamp: fence.timestamp, linearizable: false, budgetMs, signal },
      });
    } catch (error) {
      throw engineError('commit', error);
    }
    switch (outcome.kind) {
      case 'committed':
        this.#fetchAhead(keysOf(batch), outcome.commitTimestamp, next);
        return COMMITTED;
      case 'undetermined':
        return { kind: 'uncertain', cause: outcome.cause };
      case 'conflict':
      case 'exists':
      case 'rolled-back':
        return undefined;
    }
  }

  /** What was fetched ahead, if it is of use for this batch. It is used once. */
  async #takeAhead(batch: Batch): Promise<Fence | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const fence = await ahead;
    const { clock, limits } = this.#parts;
    const isOfUse =
      fence?.covers(batch.conditions) === true && clock.nowMs() - fence.takenMs <= limits.aheadMsMax;
    return isOfUse ? fence : undefined;
  }

  #fetchAhead(
    keys: readonly Bytes[],
    committed: bigint,
    next: { readonly atMs: number; readonly timestamp: Promise<bigint> },
  ): void {
    const { client, clock, logger } = this.#parts;
    const fetch = async (): Promise<Fence> => {
      let { atMs } = next;
      let timestamp = await next.timestamp;
      if (timestamp <= committed) {
        atMs = clock.nowMs();
        timestamp = await client.timestamp();
      }
      return Fence.at(client, timestamp, { keys, atMs });
    };
    this.#ahead = fetch().catch((error: unknown) => {
      logger.debug('nothing could be fetched ahead', { error: String(error) });
      return undefined;
    });
  }

  async #fetch(keys: readonly Bytes[], signal: AbortSignal): Promise<Fence> {
    const { client, clock } = this.#parts;
    const atMs = clock.nowMs();
    try {
      return await Fence.at(client, await client.timestamp({ signal }), { keys, atMs, signal });
    } catch (error) {
      throw engineError('commit', error);
    }
  }

  #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { scheduler, random, limits } = this.#parts;
    const backoff = { firstMs: limits.retryMs, maxMs: RETRY_MS_MAX };
    return pause(scheduler, backoffMs(random, backoff, attempt), signal);
  }
}

function keysOf(batch: Batch): readonly Bytes[] {
  return batch.conditions.map(({ key }) => key);
}

function mutationsOf(batch: Batch): Mutation[] {
  return batch.writes.map(({ key, value }) =>
    value === undefined ? { op: 'delete', key } : { op: 'put', key, value },
  );
}

import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { REQUESTS_MAX } from '../keyed-calls.ts';
import { parallel } from '../parallel.ts';
import type { Region } from '../region/region.ts';
import type { Group, Sent, StoreCall } from '../region/regions.ts';
import type { Session } from '../session.ts';
import type { StoreResponses } from '../store-messages.ts';
import { TIMESTAMP_MAX } from '../timestamp.ts';
import { chunks } from './chunks.ts';
import { lockTtlMs } from './lock-ttl.ts';
import type { FailedOutcome } from './outcome.ts';
import type { PreparedTxn, StoredMutation } from './prepare.ts';
import { mutationBytes } from './prepare.ts';
import { judgePrewrite } from './prewrite-errors.ts';

/** Keys and values of one request: half of what a store's log takes in one entry. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

interface Parts {
  /** Keys of the transaction in the region, if they are not just those of the batch. */
  readonly txnSize: bigint | undefined;
  /** They were sent before and may have been applied. */
  readonly isRetry: boolean;
}

interface Batch extends Parts {
  readonly region: Region;
  readonly items: readonly StoredMutation[];
  /** `TIMESTAMP_MAX` if unknown: too many to remove their locks one by one. */
  readonly txnSize: bigint;
}

type Attempt =
  Sent<StoreResponses['KvPrewrite']> | { readonly kind: 'too_large'; readonly maybeApplied: boolean };

export interface PrewritePlan {
  readonly txn: PreparedTxn;
  readonly startTimestamp: bigint;
  /** The commit timestamp will not be below. */
  readonly minCommitTimestamp: bigint;
  readonly onePhase: boolean;
}

/** Ends the phase: the transaction cannot be committed. */
export class PrewriteFailure extends Error {
  readonly outcome: FailedOutcome;

  constructor(outcome: FailedOutcome) {
    super(`Prewrite failed: ${outcome.kind}`);
    this.outcome = outcome;
  }
}

/**
 * The first phase of a commit: locks all keys, or, if all of them are in one request, commits them at once.
 *
 * 1. A request may be in flight, or applied without an answer, only in the ways that the two flags tell.
 * 2. A repeated request is answered as the first would have been, as long as it is the same in kind: a store that finds
 *    the transaction's own lock or record says success.
 */
export class Prewriter {
  readonly #session: Session;
  readonly #plan: PrewritePlan;
  #onePhase: boolean;
  #onePhaseInDoubt = false;
  #mayHaveLocks = false;
  #commitTimestamp: bigint | undefined;

  constructor(session: Session, plan: PrewritePlan) {
    this.#session = session;
    this.#plan = plan;
    this.#onePhase = plan.onePhase;
  }

  /** An attempt to commit in one phase got no answer: it may have committed all, or do so at any time. */
  get onePhaseInDoubt(): boolean {
    return this.#onePhaseInDoubt;
  }

  /** There may be locks of the transaction, or come to be. */
  get mayHaveLocks(): boolean {
    return this.#mayHaveLocks;
  }

  /**
   * @param groups the mutations, cut by region.
   * @returns the commit timestamp if all is committed in one phase; undefined if all keys are locked.
   * Rejects with `PrewriteFailure` or what ended the attempts; no request is under way any more then.
   */
  async run(groups: readonly Group<StoredMutation>[], backoff: Backoff): Promise<bigint | undefined> {
    await this.#sendAll(groups, backoff, { txnSize: undefined, isRetry: false });
    return this.#commitTimestamp;
  }

  async #sendAll(groups: readonly Group<StoredMutation>[], backoff: Backoff, parts: Parts): Promise<void> {
    const limits = { bytesMax: BATCH_BYTES_MAX, countMax: Infinity };
    const batches = groups.flatMap(({ region, items }) =>
      chunks(items, mutationBytes, limits).map((part): Batch => ({
        ...parts,
        region,
        items: part,
        txnSize: parts.txnSize ?? BigInt(items.length),
      })),
    );
    if (batches.length === 1) return this.#send(batches[0]!, backoff);
    this.#onePhase = false;
    await parallel(batches, REQUESTS_MAX, (batch) => this.#send(batch, backoff.fork()));
  }

  /** Sends one batch until it is answered with success; what belongs to other regions by then goes there. */
  async #send(first: Batch, backoff: Backoff): Promise<void> {
    for (let batch = first; ;) {
      const isOnePhase = this.#onePhase;
      const sent = await this.#attempt(batch, isOnePhase, backoff);
      const parts = { txnSize: TIMESTAMP_MAX, isRetry: batch.isRetry || sent.maybeApplied };
      if (sent.kind === 'too_large') {
        return this.#sendAll(halves(batch), backoff, parts);
      } else if (sent.kind === 'relocate') {
        const groups = await this.#session.regions.group(batch.items, keyOf, backoff);
        if (groups.length > 1) return this.#sendAll(groups, backoff, parts);
        batch = { ...batch, ...parts, region: groups[0]!.region };
      } else if (sent.response.errors.length > 0) {
        const verdict = judgePrewrite(sent.response.errors, this.#plan.startTimestamp);
        if (verdict.kind === 'failed') throw new PrewriteFailure(verdict.outcome);
        await this.#session.resolver.resolveForWrite(verdict.locks, backoff);
        batch = { ...batch, isRetry: parts.isRetry };
      } else {
        return this.#succeeded(isOnePhase, sent.response);
      }
    }
  }

  /** One request, with what it may leave behind put down before anything else. */
  async #attempt(batch: Batch, isOnePhase: boolean, backoff: Backoff): Promise<Attempt> {
    if (!isOnePhase) this.#mayHaveLocks = true;
    const call = {
      method: 'KvPrewrite',
      request: this.#request(batch, isOnePhase),
      options: { retryOf: batch.isRetry },
    } as const;
    try {
      const sent = await this.#session.regions.send(batch.region, call, backoff);
      if (sent.maybeApplied) this.#lost(isOnePhase);
      return sent;
    } catch (error) {
      const { maybeApplied, code } =
        error instanceof TikvError ? error : { maybeApplied: true, code: undefined };
      if (maybeApplied) this.#lost(isOnePhase);
      if (code === 'too_large' && batch.items.length > 1) return { kind: 'too_large', maybeApplied };
      throw error;
    }
  }

  #lost(isOnePhase: boolean): void {
    this.#mayHaveLocks = true;
    if (isOnePhase) this.#onePhaseInDoubt = true;
  }

  #request({ items, txnSize }: Batch, isOnePhase: boolean): StoreCall<'KvPrewrite'>['request'] {
    const { txn, startTimestamp, minCommitTimestamp } = this.#plan;
    return {
      mutations: items,
      primaryLock: txn.primary,
      startVersion: startTimestamp,
      lockTtl: lockTtlMs(txn.bytes, this.#session.oracle.ageMs(startTimestamp)),
      txnSize,
      minCommitTs: minCommitTimestamp,
      tryOnePc: isOnePhase,
    };
  }

  #succeeded(isOnePhase: boolean, response: StoreResponses['KvPrewrite']): void {
    if (isOnePhase && response.onePcCommitTs > 0n) {
      this.#commitTimestamp = response.onePcCommitTs;
      return;
    }
    // The store fell back: it has locked the keys, and there is a second phase.
    this.#onePhase = false;
    this.#mayHaveLocks = true;
  }
}

function keyOf({ key }: StoredMutation): Buffer {
  return key;
}

function halves({ region, items }: Batch): Group<StoredMutation>[] {
  const middle = items.length >> 1;
  return [items.slice(0, middle), items.slice(middle)].map((half) => ({ region, items: half }));
}

import type { Backoff } from '../backoff.ts';
import { asError, TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import type { KeyError, Received } from '../messages.ts';
import type { Region } from '../region/region.ts';
import type { Group, Sent, StoreCall } from '../region/regions.ts';
import type { Session } from '../session.ts';
import type { StoreResponses } from '../store-messages.ts';
import { addMs } from '../timestamp.ts';
import { COMMIT_KEYS_MAX, commitSecondaries, rollBack } from './clean-up.ts';
import type { FailedOutcome, SettledOutcome, TxnOutcome } from './outcome.ts';
import type { PreparedTxn, StoredMutation } from './prepare.ts';
import type { PrewritePlan } from './prewriter.ts';
import { PrewriteFailure, Prewriter } from './prewriter.ts';
import { askPrimary, settle } from './settle.ts';

/** A store that asks for a commit so far ahead of now has a bad clock in its data. */
const AHEAD_MS_MAX = 3_600_000;

interface CommitPlan extends PrewritePlan {
  /** For finding out what became of it, if answers get lost. */
  readonly settleBudgetMs: number;
}

/**
 * One optimistic commit (tikv.md B.7), in one phase where all keys are in one request, else in two: all keys are locked,
 * then the primary is committed, which decides; the other keys follow in the background.
 *
 * 1. A definite outcome is definite: `committed` once the primary is; any other only when no request that could still
 *    commit is on its way, or the primary bears a record that makes it fail.
 * 2. A store says success to a repeated prewrite of a transaction that one phase has committed, and then also to a commit
 *    at any timestamp. So when an answer to one-phase commit got lost and the transaction went on in two phases, the
 *    primary is asked before it is committed, and what it says is the commit timestamp.
 */
export class Commit {
  readonly #session: Session;
  readonly #plan: CommitPlan;
  readonly #txn: PreparedTxn;
  readonly #prewriter: Prewriter;
  #isCommitSent = false;

  constructor(session: Session, plan: CommitPlan) {
    this.#session = session;
    this.#plan = plan;
    this.#txn = plan.txn;
    this.#prewriter = new Prewriter(session, plan);
  }

  /** Runs it to its end. Rejects only when nothing was or will be written. */
  async run(groups: readonly Group<StoredMutation>[], backoff: Backoff): Promise<TxnOutcome> {
    let commitTimestamp: bigint | undefined;
    try {
      commitTimestamp = await this.#prewriter.run(groups, backoff);
    } catch (error) {
      return this.#prewriteEnded(asError(error));
    }
    if (commitTimestamp !== undefined) return { kind: 'committed', commitTimestamp, onePhase: true };
    try {
      return (await this.#learnDoubt(backoff)) ?? (await this.#commitPrimary(backoff));
    } catch (error) {
      return this.#commitEnded(asError(error));
    }
  }

  /** The first phase failed. Whatever is in doubt is settled before it is told. */
  async #prewriteEnded(error: Error): Promise<TxnOutcome> {
    if (this.#prewriter.onePhaseInDoubt) {
      const settled = await this.#settle();
      if (settled === undefined) return this.#undetermined(error);
      if (settled.kind === 'committed') return { ...settled, onePhase: true };
    }
    if (this.#prewriter.mayHaveLocks) this.#rollBack();
    if (error instanceof PrewriteFailure) return this.#failed(error.outcome);
    return this.#gaveUp(error);
  }

  /** It is certain that it is not committed. Once something was sent, what can be tried again is an outcome. */
  #gaveUp(cause: Error): TxnOutcome {
    const isSent = this.#prewriter.mayHaveLocks;
    if (isSent && cause instanceof TikvError && cause.retryable) return { kind: 'rolled-back', cause };
    throw cause;
  }

  /** All keys are locked, unless a lost attempt has committed them in one phase. @returns the outcome, if it has. */
  async #learnDoubt(backoff: Backoff): Promise<TxnOutcome | undefined> {
    if (!this.#prewriter.onePhaseInDoubt) return undefined;
    const { status } = await askPrimary(this.#session, this.#id, backoff);
    if (status.kind === 'committed') return { ...status, onePhase: true };
    if (status.kind === 'alive') return undefined;
    throw new TikvError('rolled_back', 'The transaction was rolled back before it was committed');
  }

  async #commitPrimary(backoff: Backoff): Promise<TxnOutcome> {
    const { startTimestamp, txn } = this.#plan;
    let commitTimestamp = await this.#session.oracle.timestamp(backoff);
    for (let isRetry = false; ;) {
      const region = await this.#session.regions.locate(txn.primary, backoff);
      const keys = this.#keysBesidePrimary(region);
      const request = { startVersion: startTimestamp, commitVersion: commitTimestamp, keys };
      const call: StoreCall<'KvCommit'> = { method: 'KvCommit', request, options: { retryOf: isRetry } };
      this.#isCommitSent = true;
      const sent: Sent<StoreResponses['KvCommit']> = await this.#session.regions.send(region, call, backoff);
      isRetry ||= sent.maybeApplied;
      if (sent.kind === 'relocate') continue;
      const { error } = sent.response;
      if (error === undefined) return this.#committed(commitTimestamp, keys);
      commitTimestamp = await this.#laterTimestamp(error, backoff);
    }
  }

  /** A reader has pushed the transaction behind its own timestamp. Rejects if it is something else. */
  async #laterTimestamp(error: Received<KeyError>, backoff: Backoff): Promise<bigint> {
    const { commitTsExpired } = error;
    if (commitTsExpired === undefined) {
      throw new TikvError('protocol', `Cannot commit the primary: ${describeKeyError(error)}`);
    }
    const now = await this.#session.oracle.timestamp(backoff);
    if (commitTsExpired.minCommitTs > addMs(now, AHEAD_MS_MAX)) {
      throw new TikvError(
        'protocol',
        `A commit at ${commitTsExpired.minCommitTs} is asked for, and it is ${now}`,
      );
    }
    return now;
  }

  /** The locked keys of a region that has the primary, with the primary among them. */
  #keysBesidePrimary(region: Region): Buffer[] {
    const { lockedKeys, primary } = this.#txn;
    const others = lockedKeys.filter(
      (key) => key !== primary && !key.equals(primary) && region.contains(key),
    );
    return [primary, ...others.slice(0, COMMIT_KEYS_MAX - 1)];
  }

  #committed(commitTimestamp: bigint, done: readonly Buffer[]): TxnOutcome {
    const isDone = new Set(done);
    // The primary may be another buffer of the same bytes.
    const left = this.#txn.lockedKeys.filter((key) => !isDone.has(key) && !key.equals(this.#txn.primary));
    commitSecondaries(this.#session, left, { startTimestamp: this.#plan.startTimestamp, commitTimestamp });
    return { kind: 'committed', commitTimestamp, onePhase: false };
  }

  /** The second phase failed. If the primary's commit was sent, it may be committed. */
  async #commitEnded(error: Error): Promise<TxnOutcome> {
    if (!this.#isCommitSent && !this.#prewriter.onePhaseInDoubt) {
      this.#rollBack();
      return this.#gaveUp(error);
    }
    const settled = await this.#settle();
    if (settled === undefined) return this.#undetermined(error);
    if (settled.kind === 'committed') return this.#committed(settled.commitTimestamp, []);
    this.#rollBack();
    return { ...settled, cause: error };
  }

  async #settle(): Promise<SettledOutcome | undefined> {
    try {
      return await settle(this.#session, this.#id, this.#session.writeBackoff(this.#plan.settleBudgetMs));
    } catch (error) {
      this.#session.environment.logger.warn('A commit could not be settled', { error });
      return undefined;
    }
  }

  get #id(): { primary: Buffer; startTimestamp: bigint } {
    return { primary: this.#txn.primary, startTimestamp: this.#plan.startTimestamp };
  }

  #rollBack(): void {
    rollBack(this.#session, this.#txn.lockedKeys, this.#plan.startTimestamp);
  }

  #failed(outcome: FailedOutcome): FailedOutcome {
    return 'key' in outcome ? { ...outcome, key: this.#session.keyspace.fromStore(outcome.key) } : outcome;
  }

  #undetermined(cause: Error): TxnOutcome {
    return { kind: 'undetermined', primary: this.#session.keyspace.fromStore(this.#txn.primary), cause };
  }
}

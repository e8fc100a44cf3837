import type { EndSignal } from '../../base/index.ts';
import { TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import { Commit } from './commit.ts';
import type { Mutation } from './mutation.ts';
import type { TxnOutcome } from './outcome.ts';
import { prepareTxn } from './prepare.ts';

const COMMIT_BUDGET_MS = 40_000;
const SETTLE_BUDGET_MS_MAX = 20_000;
/** Of a start timestamp: what was deleted after it could be collected already, and with it the conflict. */
const START_AGE_MS_MAX = 5 * 60_000;

export interface CommitOptions {
  /**
   * From `TikvClient.timestamp`. Writes that were committed after it are conflicts; what the transaction read, it read
   * at it. At most 5 minutes old.
   */
  readonly startTimestamp: bigint;
  /** One of the keys that are written or locked: the one whose record decides. @default the first of them */
  readonly primary?: Uint8Array;
  /** Commit in one request, without locks, where all keys are in one region. @default true */
  readonly onePhase?: boolean;
  /**
   * The commit is ordered behind all that anybody saw committed before the call, also by transactions that have no key in
   * common with it. Costs the time of one timestamp. A caller that is the only one to write its keys, and takes each
   * start timestamp after the answer to its previous commit, does not need it. @default true
   */
  readonly linearizable?: boolean;
  /** An `AbortSignal`. Aborted before the first request is sent: rejects with `aborted`. Later it has no effect: see `budgetMs`. */
  readonly signal?: EndSignal;
  /**
   * How long stores that do not answer, regions that move and locks are put up with; after that it is found out what
   * became of the commit, for as long again, but no longer than 20 s. @default 40_000
   */
  readonly budgetMs?: number;
}

/** See `TikvClient.commit`. */
export async function commitMutations(
  session: Session,
  mutations: readonly Mutation[],
  options: CommitOptions,
): Promise<TxnOutcome> {
  const { startTimestamp, budgetMs = COMMIT_BUDGET_MS } = options;
  const txn = prepareTxn(mutations, session, options.primary);
  const before = session.readBackoff(budgetMs, options.signal);
  await session.oracle.verifyPast(startTimestamp, before);
  if (session.oracle.ageMs(startTimestamp) >= START_AGE_MS_MAX) {
    throw new TikvError('snapshot_too_old', `The start timestamp ${startTimestamp} is too old to commit at`);
  }
  const onePhase = options.onePhase ?? true;
  const { oracle } = session;
  const isOrdered = onePhase && (options.linearizable ?? true);
  // A new one, or at least one above all that this client has seen: a snapshot that it took meanwhile must not change.
  const seen = isOrdered ? await oracle.timestamp(before) : oracle.latest;
  const minCommitTimestamp = (seen > startTimestamp ? seen : startTimestamp) + 1n;
  const groups = await session.regions.group(txn.mutations, ({ key }) => key, before);
  const backoff = session.writeBackoff(before.leftMs);
  const settleBudgetMs = Math.min(budgetMs, SETTLE_BUDGET_MS_MAX);
  return new Commit(session, { txn, startTimestamp, minCommitTimestamp, onePhase, settleBudgetMs }).run(
    groups,
    backoff,
  );
}

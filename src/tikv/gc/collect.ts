import type { EndSignal } from '../../base/index.ts';
import { TikvError } from '../errors.ts';
import { SERVICE_TTL_FOREVER } from '../pd/pd.ts';
import type { Session } from '../session.ts';
import { addMs } from '../timestamp.ts';
import { resolveAllLocks } from './resolve-all-locks.ts';

/** Commits trust that nothing they have to see is collected for so long (and TiDB's `tidb_gc_life_time` has this least). */
export const GC_LIFE_MS_MIN = 10 * 60_000;

/** Under this name TiDB moves the safe point, and every placement driver lets it through. */
const SERVICE_ID = 'gc_worker';
/** For one question to the placement driver. */
const STEP_BUDGET_MS = 20_000;

export interface GcOptions {
  /** How long what is overwritten or deleted is kept for readers; at least 10 minutes. */
  readonly lifeMs: number;
  /** A safe point that lags no more than so much is left where it is. @default 0 */
  readonly slackMs?: number;
  readonly signal?: EndSignal | undefined;
}

export interface GcReport {
  /** What is not visible at this timestamp or later may be collected by the stores from now on. */
  readonly safePoint: bigint;
  /** False if it was there before: by somebody else, or because somebody holds it back. */
  readonly isMoved: boolean;
  /** Locks of dead transactions that were found and removed. */
  readonly lockCount: number;
}

/**
 * Moves the cluster's safe point up to `lifeMs` ago, or as far as other services allow (tikv.md B.9): nobody does that in
 * a TiKV without TiDB, and without it no old version is ever given back. It concerns all data of the cluster, not only
 * those of one key prefix. Several may do it at once.
 *
 * The order is what makes it safe: first the services have their say, then every lock from before is decided, while the
 * records that decide it are still there, and only then the stores are told.
 */
export async function collectGarbage(session: Session, options: GcOptions): Promise<GcReport> {
  const { lifeMs, slackMs = 0, signal } = options;
  if (!(lifeMs >= GC_LIFE_MS_MIN))
    throw new TikvError('invalid', `Garbage lives ${lifeMs} ms; the least is ${GC_LIFE_MS_MIN} ms`);
  const { pd, oracle } = session;
  const backoff = session.readBackoff(STEP_BUDGET_MS, signal);
  const target = addMs(await oracle.timestamp(backoff), -lifeMs);
  const before = await pd.gcSafePoint(backoff);
  const kept = { safePoint: before, isMoved: false, lockCount: 0 };
  if (before >= addMs(target, -slackMs)) return kept;
  const claim = { serviceId: SERVICE_ID, ttlSeconds: SERVICE_TTL_FOREVER, safePoint: target };
  const allowed = await pd.updateServiceSafePoint(claim, backoff);
  const safePoint = allowed < target ? allowed : target;
  if (safePoint <= before) return kept;
  const lockCount = await resolveAllLocks(session, safePoint, signal);
  const reached = await pd.updateGcSafePoint(safePoint, session.readBackoff(STEP_BUDGET_MS, signal));
  return { safePoint: reached, isMoved: true, lockCount };
}

import type { EndSignal } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import type { Lock } from '../lock/lock.ts';
import { isPessimistic } from '../lock/lock.ts';
import { byTransaction } from '../lock/resolver.ts';
import { parallel } from '../parallel.ts';
import type { Region } from '../region/region.ts';
import type { Session } from '../session.ts';

/** Locks of one KvScanLock. */
const LOCKS_MAX = 1024;
/** Transactions whose primaries are asked at once. */
const STATUSES_MAX = 16;
/** For the locks of one answer: to find them, to decide their transactions, to remove them. */
const STEP_BUDGET_MS = 60_000;

/**
 * Decides and removes every lock in the cluster whose transaction began at `safePoint` or before. Those transactions are
 * long dead: what has not committed by now is rolled back.
 *
 * @returns how many there were. Rejects if a region cannot be reached for a minute; what was done stays done.
 */
export async function resolveAllLocks(
  session: Session,
  safePoint: bigint,
  signal: EndSignal | undefined,
): Promise<number> {
  let lockCount = 0;
  let start: Buffer | undefined = Buffer.alloc(0);
  while (start !== undefined) {
    const step: Step = { start, safePoint, backoff: session.readBackoff(STEP_BUDGET_MS, signal) };
    const done = await resolveStep(session, step);
    lockCount += done.lockCount;
    start = done.next;
  }
  return lockCount;
}

interface Step {
  /** The first stored key that is not cleared yet. */
  readonly start: Buffer;
  readonly safePoint: bigint;
  readonly backoff: Backoff;
}

/** Clears the keys from `start` on as far as one answer reaches; `next` is undefined behind the last key. */
async function resolveStep(
  session: Session,
  step: Step,
): Promise<{ lockCount: number; next: Buffer | undefined }> {
  for (;;) {
    const region = await session.regions.locate(step.start, step.backoff);
    const locks = await scanLocks(session, region, step);
    if (locks === undefined || !(await removeLocks(session, { region, locks }, step.backoff))) continue;
    const next = locks.length < LOCKS_MAX ? region.end : after(locks[locks.length - 1]!.key);
    return { lockCount: locks.length, next: next.length === 0 ? undefined : next };
  }
}

/** Undefined if the region has changed. */
async function scanLocks(
  session: Session,
  region: Region,
  { start, safePoint, backoff }: Step,
): Promise<readonly Lock[] | undefined> {
  const request = { maxVersion: safePoint, startKey: start, endKey: region.end, limit: LOCKS_MAX };
  const sent = await session.regions.send(region, { method: 'KvScanLock', request }, backoff);
  if (sent.kind === 'relocate') return undefined;
  const { error, locks } = sent.response;
  if (error !== undefined)
    throw new TikvError('protocol', `Cannot scan for locks: ${describeKeyError(error)}`);
  return locks;
}

/** Removes `locks` of one region. False if the region has changed: some of them may still be there. */
async function removeLocks(
  session: Session,
  { region, locks }: { readonly region: Region; readonly locks: readonly Lock[] },
  backoff: Backoff,
): Promise<boolean> {
  await removePessimistic(session, locks.filter(isPessimistic), backoff);
  const prewritten = locks.filter((lock) => !isPessimistic(lock));
  if (prewritten.length === 0) return true;
  const transactions = new Map(prewritten.map((lock) => [lock.lockVersion, lock]));
  const txnInfos = await parallel([...transactions.values()], STATUSES_MAX, async (lock) => {
    const fate = await session.resolver.finish(lock, backoff);
    return { txn: lock.lockVersion, status: fate.kind === 'committed' ? fate.commitTimestamp : 0n };
  });
  const call = { method: 'KvResolveLock', request: { txnInfos } } as const;
  const sent = await session.regions.send(region, call, backoff);
  if (sent.kind === 'relocate') return false;
  const { error } = sent.response;
  if (error !== undefined)
    throw new TikvError('protocol', `Cannot resolve locks: ${describeKeyError(error)}`);
  return true;
}

/**
 * Such a lock may name a primary that its transaction has left for another, and so says nothing of the transaction, which
 * may be committed: what its primary knows of it is ended, and then this lock is removed alone.
 */
async function removePessimistic(session: Session, locks: readonly Lock[], backoff: Backoff): Promise<void> {
  await parallel(byTransaction(locks), STATUSES_MAX, async (own) => {
    await session.resolver.finish(own[0]!, backoff);
    await session.resolver.forget(own, backoff);
  });
}

function after(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}

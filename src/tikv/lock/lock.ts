import type { LockInfo, Received } from '../messages.ts';
import { Op } from '../messages.ts';
import { physicalMs } from '../timestamp.ts';

/** A lock as a store answers it. Keys are stored keys, with their prefix. */
export type Lock = Received<LockInfo>;

/** Taken before the commit, by a client that uses pessimistic transactions. */
export function isPessimistic(lock: Pick<Lock, 'lockType'>): boolean {
  return lock.lockType === Op.PessimisticLock;
}

/** Milliseconds that a lock still holds at the timestamp `now`, by the placement driver's clock; at most 0 if it does not. */
export function ttlLeftMs(startTimestamp: bigint, ttlMs: bigint, now: bigint): number {
  return physicalMs(startTimestamp) + Number(ttlMs) - physicalMs(now);
}

/** For a `cause`: what an operation waited for. */
export function lockError(lock: Lock): Error {
  return new Error(`Key ${lock.key.toString('hex')} is locked by the transaction of ${lock.lockVersion}`);
}

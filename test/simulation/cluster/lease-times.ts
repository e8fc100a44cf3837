import type { CallRecord } from '../history.ts';
import { WITHOUT_EFFECT } from '../history.ts';
import type { Oracle } from '../oracle.ts';

export interface LeaseTimes {
  readonly oracle: Oracle;
  readonly records: readonly CallRecord[];
  readonly nowMs: number;
  readonly rateMin: number;
  /** How far clocks may have gone between two instants. */
  readonly clockMs: (fromMs: number, toMs: number) => number;
}

/** A tick of the lessor and its revocation, at the slowest; also what calm needs to come to all nodes. */
const LATE_MS = 2_500;
/** A keep-alive of unknown outcome has had its effect by then. */
const UNKNOWN_MS = 5_000;

interface Life {
  readonly ttlMs: number;
  readonly sinceMs: number;
}

/**
 * By the log alone: no lease that nobody revokes ends before it has lasted as long as it was granted for, counted anew by
 * each leader; and when all is calm every one ends that nobody keeps.
 */
export function checkLeaseTimes(judged: LeaseTimes): void {
  const { oracle, records, nowMs, rateMin, clockMs } = judged;
  const lives = new Map<bigint, Life>();
  let epochMs = 0;
  for (const { kind, lease, number, sequence } of oracle.entries) {
    const landedMs = oracle.sequenceLandedMs.get(sequence)!;
    if (kind === 'epoch') epochMs = landedMs;
    if (kind === 'grant') lives.set(lease, { ttlMs: number * 1000, sinceMs: landedMs });
    const life = lives.get(lease);
    if (kind !== 'revoke' || life === undefined) continue;
    lives.delete(lease);
    const sinceMs = Math.max(life.sinceMs, epochMs);
    oracle.expect(
      clockMs(sinceMs, landedMs) >= life.ttlMs || isRevoked(records, lease, landedMs),
      () =>
        `lease ${lease} of ${life.ttlMs} ms ended ${(landedMs - sinceMs).toFixed(0)} ms after its time began`,
    );
  }
  for (const [lease, { ttlMs, sinceMs }] of lives) {
    const keptMs = lastKept(records, lease);
    const fromMs = Math.max(sinceMs, epochMs, keptMs);
    oracle.expect(
      fromMs + ttlMs / rateMin + LATE_MS >= nowMs,
      () =>
        `lease ${lease} of ${ttlMs} ms has not ended, ${(nowMs - fromMs).toFixed(0)} ms after its time began`,
    );
  }
}

/** Whether a client may have revoked it at this time. */
function isRevoked(records: readonly CallRecord[], lease: bigint, landedMs: number): boolean {
  return records.some(({ call, answer, startMs, endMs }) => {
    if (call.kind !== 'revoke' || call.lease !== lease || startMs > landedMs) return false;
    if (answer.kind === 'error') return !WITHOUT_EFFECT.has(answer.code);
    return answer.kind === 'unknown' || endMs >= landedMs;
  });
}

function lastKept(records: readonly CallRecord[], lease: bigint): number {
  let keptMs = 0;
  for (const { call, answer, endMs } of records)
    if (call.kind === 'keepAlive' && call.lease === lease)
      keptMs = Math.max(keptMs, answer.kind === 'alive' ? endMs : endMs + UNKNOWN_MS);
  return keptMs;
}

/** When a lease was there, as the log has it: whether it was, or was not, at any instant of a call. */
export class LeasePresence {
  readonly #changes = new Map<bigint, { readonly atMs: number; readonly isThere: boolean }[]>();

  constructor({ entries, sequenceLandedMs }: Oracle) {
    for (const { kind, lease, sequence } of entries) {
      if (kind !== 'grant' && kind !== 'revoke') continue;
      const changes = this.#changes.get(lease) ?? [];
      this.#changes.set(lease, changes);
      changes.push({ atMs: sequenceLandedMs.get(sequence)!, isThere: kind === 'grant' });
    }
  }

  was(isThere: boolean, lease: bigint, { startMs, endMs }: Pick<CallRecord, 'startMs' | 'endMs'>): boolean {
    let state = false;
    for (const change of this.#changes.get(lease) ?? []) {
      if (change.atMs >= startMs && state === isThere) return true;
      if (change.atMs > endMs) return false;
      state = change.isThere;
    }
    return state === isThere;
  }
}

import type { Cancel, Clock, Logger, Scheduler } from '../base/index.ts';
import type { StoreErrorCode } from './errors.ts';
import { storeError } from './errors.ts';
import { ExpiryHeap } from './expiry-heap.ts';
import type { Lease } from './leases.ts';
import type { StoreLimits } from './limits.ts';
import type { Done, KeepAliveResult } from './results.ts';
import type { State } from './state.ts';

const TICK_MS = 500;
/** A tick that comes this much later than it should means that the process was paused, not that leases ran out. */
const LATE_MS = 500;
/** Entries of the heap looked at in one tick: what is left comes next tick. */
const LOOKED_AT_PER_TICK_MAX = 50_000;

interface Waiting {
  readonly done: Done<KeepAliveResult>;
  readonly sinceMs: number;
}

/**
 * The leader's side of leases: when each expires (etcd-v3.md B.8). Only keep-alives and expiries are here; grants and
 * revokes go through the log. Time in here stands still while the process is paused, so that nobody who kept sending
 * loses a lease to that.
 */
export class Lessor {
  readonly #state: State;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  readonly #limits: StoreLimits;
  /** Revokes an expired lease; tells what became of it. */
  readonly #revoke: (id: bigint, done: (refusal: StoreErrorCode | undefined) => void) => void;
  readonly #heap = new ExpiryHeap();
  /** Keep-alives that came too late and wait for the revocation. */
  readonly #waiting = new Map<bigint, Waiting[]>();
  #waitingCount = 0;
  #pausedMs = 0;
  #tickedMs = 0;
  #running = false;
  #cancel: Cancel = () => undefined;

  constructor(parts: {
    state: State;
    clock: Clock;
    scheduler: Scheduler;
    logger: Logger;
    limits: StoreLimits;
    revoke: (id: bigint, done: (refusal: StoreErrorCode | undefined) => void) => void;
  }) {
    this.#state = parts.state;
    this.#clock = parts.clock;
    this.#scheduler = parts.scheduler;
    this.#logger = parts.logger;
    this.#limits = parts.limits;
    this.#revoke = parts.revoke;
  }

  /** This node leads now: every lease has its full time again. */
  start(): void {
    this.#running = true;
    this.#tickedMs = this.#clock.nowMs();
    for (const lease of this.#state.leases.all()) this.granted(lease);
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
    for (const id of [...this.#waiting.keys()]) this.#answerWaiting(id, 'LeaderChanged');
  }

  granted(lease: Lease): void {
    this.#notePause();
    lease.expiresMs = this.#nowMs() + lease.ttl * 1000;
    this.#heap.add(lease);
  }

  revoked(lease: Lease): void {
    this.#answerWaiting(lease.id, undefined);
  }

  /**
   * A keep-alive. A lease that has expired, or whose revocation has begun, is not saved any more: the answer waits for
   * its end, and is 0.
   */
  keepAlive(id: bigint, done: Done<KeepAliveResult>): void {
    this.#notePause();
    const lease = this.#state.leases.get(id);
    if (lease === undefined) return done(undefined, { revision: this.#state.revision, ttl: 0 });
    const nowMs = this.#nowMs();
    if (lease.expiresMs > nowMs && !this.#state.pending.revoking(id)) {
      lease.expiresMs = nowMs + lease.ttl * 1000;
      return done(undefined, { revision: this.#state.revision, ttl: lease.ttl });
    }
    if (!this.#running) return end(done, 'LeaderChanged');
    if (this.#waitingCount >= this.#limits.queuedCallsMax) return end(done, 'TooManyRequests');
    this.#waitingCount++;
    const waiting = { done, sinceMs: this.#clock.nowMs() };
    const others = this.#waiting.get(id);
    if (others === undefined) this.#waiting.set(id, [waiting]);
    else others.push(waiting);
  }

  /** Whether the lease has run out and may be revoked for that. */
  isExpired(lease: Lease): boolean {
    return lease.expiresMs <= this.#nowMs();
  }

  /** Whole seconds left. An expired lease that is not revoked yet has 0. */
  remainingSeconds(lease: Lease): number {
    this.#notePause();
    return Math.max(0, Math.floor((lease.expiresMs - this.#nowMs()) / 1000));
  }

  #nowMs(): number {
    return this.#clock.nowMs() - this.#pausedMs;
  }

  /** Gives the time of a pause back to all leases, before anything is judged by it. */
  #notePause(): void {
    const lateMs = this.#clock.nowMs() - this.#tickedMs - TICK_MS;
    if (!this.#running || lateMs < LATE_MS) return;
    this.#pausedMs += lateMs;
    this.#tickedMs += lateMs;
    this.#logger.warn('the process was paused, leases get the time back', { lateMs: Math.round(lateMs) });
  }

  /** After the I/O of the turn, so that keep-alives that have arrived are taken first. */
  #arm(): void {
    this.#cancel = this.#scheduler.after(TICK_MS, () => {
      this.#scheduler.soon(() => {
        if (!this.#running) return;
        this.#notePause();
        this.#tickedMs = this.#clock.nowMs();
        this.#expire();
        this.#giveUpWaiting();
        this.#arm();
      });
    });
  }

  #expire(): void {
    const nowMs = this.#nowMs();
    let revoked = 0;
    for (let i = 0; i < LOOKED_AT_PER_TICK_MAX && revoked < this.#limits.expiriesPerTickMax; i++) {
      const lease = this.#heap.takeDue(nowMs);
      if (lease === undefined) return;
      if (this.#state.leases.get(lease.id) !== lease) continue;
      if (lease.expiresMs > nowMs) {
        this.#heap.add(lease);
        continue;
      }
      revoked++;
      this.#revoke(lease.id, (refusal) => this.#revocationEnded(lease, refusal));
    }
  }

  /** One that could not be revoked is tried again at the next tick. */
  #revocationEnded(lease: Lease, refusal: StoreErrorCode | undefined): void {
    if (!this.#running || refusal === undefined || this.#state.leases.get(lease.id) !== lease) return;
    this.#logger.debug('an expired lease could not be revoked yet', {
      lease: lease.id.toString(16),
      refusal,
    });
    this.#heap.add(lease);
  }

  #giveUpWaiting(): void {
    const oldestMs = this.#clock.nowMs() - this.#limits.requestTimeoutMs;
    for (const [id, waiting] of this.#waiting) {
      if (waiting[0]!.sinceMs < oldestMs) this.#answerWaiting(id, 'Timeout');
    }
  }

  #answerWaiting(id: bigint, refusal: StoreErrorCode | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#waitingCount -= waiting.length;
    const revision = this.#state.revision;
    // Not in here, where a commit is being applied.
    this.#scheduler.soon(() => {
      for (const { done } of waiting) {
        if (refusal === undefined) done(undefined, { revision, ttl: 0 });
        else end(done, refusal);
      }
    });
  }
}

function end(done: Done<KeepAliveResult>, refusal: StoreErrorCode): void {
  done(storeError(refusal), { revision: 0, ttl: 0 });
}

import { pause } from '../base/index.ts';
import type { EndSignal } from '../base/index.ts';
import type { TikvEnvironment } from './environment.ts';
import { TikvError } from './errors.ts';

/** Why a call waits before it goes on. */
export type BackoffKind =
  | 'region-miss'
  | 'region-scheduling'
  | 'server-busy'
  | 'stale-command'
  | 'max-ts'
  | 'region-not-ready'
  | 'rpc'
  | 'txn-lock'
  | 'txn-lock-fast'
  | 'txn-not-found'
  | 'pd'
  | 'disk-full'
  | 'recovery'
  | 'is-witness';

interface Steps {
  readonly baseMs: number;
  readonly capMs: number;
  /** Half of the wait is left to chance, so that many clients do not come back together. */
  readonly jitter: boolean;
}

/**
 * client-go's steps (tikv.md B.4), but for two whose first steps are made for batch jobs: a busy server is asked again
 * after 100 ms instead of 2 s, the placement driver after 50 ms instead of 500 ms.
 */
const STEPS: Readonly<Record<BackoffKind, Steps>> = {
  'region-miss': { baseMs: 2, capMs: 500, jitter: false },
  'region-scheduling': { baseMs: 2, capMs: 500, jitter: false },
  'server-busy': { baseMs: 100, capMs: 2000, jitter: true },
  'stale-command': { baseMs: 2, capMs: 1000, jitter: false },
  'max-ts': { baseMs: 2, capMs: 500, jitter: false },
  'region-not-ready': { baseMs: 2, capMs: 500, jitter: false },
  rpc: { baseMs: 100, capMs: 2000, jitter: true },
  'txn-lock': { baseMs: 100, capMs: 3000, jitter: true },
  'txn-lock-fast': { baseMs: 2, capMs: 3000, jitter: true },
  'txn-not-found': { baseMs: 2, capMs: 500, jitter: false },
  pd: { baseMs: 50, capMs: 3000, jitter: true },
  'disk-full': { baseMs: 500, capMs: 5000, jitter: false },
  recovery: { baseMs: 100, capMs: 10_000, jitter: false },
  'is-witness': { baseMs: 1000, capMs: 10_000, jitter: false },
};

/** Trouble in reaching a region: over, once it has answered. */
const REACHING: readonly BackoffKind[] = [
  'region-miss',
  'region-scheduling',
  'server-busy',
  'stale-command',
  'max-ts',
  'region-not-ready',
  'rpc',
  'recovery',
];

/** Less is no time for an attempt. */
const LEFT_MIN_MS = 1;

/**
 * The patience of one operation: how long it may go on in all, and how long it waits at each step. Each kind of trouble
 * has its own steps, `min(cap, base * 2^n)`; the budget is time on the clock, so that calls that hang use it up too.
 */
export class Backoff {
  readonly #environment: TikvEnvironment;
  readonly #endMs: number;
  readonly #counts = new Map<BackoffKind, number>();
  readonly signal: EndSignal | undefined;

  constructor(environment: TikvEnvironment, budgetMs: number, signal?: EndSignal) {
    this.#environment = environment;
    this.#endMs = environment.clock.nowMs() + budgetMs;
    this.signal = signal;
  }

  /** Milliseconds left, not below 0. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - this.#environment.clock.nowMs());
  }

  /**
   * Waits for the next step of `kind`, at most `maxMs`, and at most three quarters of what is left, so that there is
   * time for one more attempt. Rejects with TikvError `unavailable`, caused by `cause`, if nothing is left; `aborted`
   * on the signal.
   */
  async wait(kind: BackoffKind, cause: Error, maxMs = Infinity): Promise<void> {
    this.check(cause);
    const count = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, count + 1);
    const delayMs = Math.min(this.#stepMs(STEPS[kind], count), maxMs, this.leftMs * 0.75);
    await pause(this.#environment.scheduler, delayMs, this.signal);
    this.checkSignal();
  }

  /** A region has answered: what comes next is new trouble, and waits from the first step on. */
  recovered(): void {
    if (this.#counts.size > 0) for (const kind of REACHING) this.#counts.delete(kind);
  }

  /** Throws what `wait` would reject with, without waiting. */
  check(cause: Error): void {
    this.checkSignal();
    if (this.leftMs >= LEFT_MIN_MS) return;
    throw new TikvError('unavailable', `The time for the operation is used up: ${cause.message}`, { cause });
  }

  /** For a part of the operation that goes on beside others: the same signal, its own steps, no more time than is left. */
  fork(budgetMs = Infinity): Backoff {
    return new Backoff(this.#environment, Math.min(budgetMs, this.leftMs), this.signal);
  }

  #stepMs(steps: Steps, count: number): number {
    const fullMs = Math.min(steps.capMs, steps.baseMs * 2 ** count);
    return steps.jitter ? fullMs / 2 + (this.#environment.random.next() * fullMs) / 2 : fullMs;
  }

  /** Throws TikvError `aborted` if the signal was. */
  checkSignal(): void {
    if (this.signal?.aborted !== true) return;
    // Whoever owns the client says that it is closed.
    if (this.signal.reason instanceof TikvError) throw this.signal.reason;
    throw new TikvError('aborted', 'The operation was aborted', { cause: this.signal.reason });
  }
}

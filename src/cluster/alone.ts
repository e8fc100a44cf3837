import type { Cancel, Scheduler } from '../base/index.ts';
import { assert } from '../base/index.ts';
import type { LeadClaim } from './lead-claim.ts';

/** The lead is claimed again so long after it could not be taken, or was given up. */
const AGAIN_MS = 250;

export interface AloneOptions {
  readonly scheduler: Scheduler;
  /** The highest epoch that the log has seen. */
  readonly epochInLog: () => number;
  /** Called in a turn of its own, with an epoch above all before. */
  readonly claimed: (epoch: number) => void;
}

/** The claim of a node whose engine nobody shares: it is always granted. The engine's own lock is the lease. */
export class Alone implements LeadClaim {
  readonly #options: AloneOptions;
  #epoch: number | undefined;
  #isStopped = false;
  #cancel: Cancel = () => undefined;

  constructor(options: AloneOptions) {
    this.#options = options;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  start(): void {
    assert(this.#epoch === undefined, 'a claim is started once');
    this.#options.scheduler.soon(() => this.#claim());
  }

  holds(): boolean {
    return this.#epoch !== undefined;
  }

  isOverdue(): boolean {
    return false;
  }

  look(): void {
    // There is nobody to look for.
  }

  release(): Promise<void> {
    this.#epoch = undefined;
    this.#cancel();
    if (!this.#isStopped) this.#cancel = this.#options.scheduler.after(AGAIN_MS, () => this.#claim());
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#epoch = undefined;
    this.#cancel();
    return Promise.resolve();
  }

  #claim(): void {
    if (this.#isStopped) return;
    this.#epoch = this.#options.epochInLog() + 1;
    this.#options.claimed(this.#epoch);
  }
}

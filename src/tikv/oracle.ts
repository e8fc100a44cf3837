import type { Clock } from '../base/index.ts';
import type { Backoff } from './backoff.ts';
import { TikvError } from './errors.ts';
import type { PlacementDriver } from './pd/pd.ts';
import { physicalMs } from './timestamp.ts';

/**
 * The cluster's timestamps, and what was learned of them: the largest one seen, and with it what time it is there.
 *
 * A timestamp that the placement driver has not given out yet must never be sent to a store: stores remember the largest
 * one they saw, and commit above it.
 */
export class Oracle {
  readonly #pd: PlacementDriver;
  readonly #clock: Clock;
  #latest = 0n;
  #latestAtMs = 0;

  constructor(pd: PlacementDriver, clock: Clock) {
    this.#pd = pd;
    this.#clock = clock;
  }

  /** The largest one seen, or 0. */
  get latest(): bigint {
    return this.#latest;
  }

  /** A new one, larger than every one that anybody got before the call. */
  async timestamp(backoff?: Backoff): Promise<bigint> {
    const timestamp = await this.#pd.timestamp(backoff);
    if (timestamp > this.#latest) {
      this.#latest = timestamp;
      this.#latestAtMs = this.#clock.nowMs();
    }
    return timestamp;
  }

  /** Rejects with `invalid` if `timestamp` was not given out yet. Costs a request only if it is newer than all seen. */
  async verifyPast(timestamp: bigint, backoff?: Backoff): Promise<void> {
    if (timestamp <= this.#latest) return;
    const now = await this.timestamp(backoff);
    if (timestamp > now)
      throw new TikvError('invalid', `Timestamp ${timestamp} is in the future: it is ${now}`);
  }

  /** Milliseconds since `timestamp` was given out, by the local clock; never negative. 0 before the first timestamp. */
  ageMs(timestamp: bigint): number {
    if (this.#latest === 0n) return 0;
    const nowMs = physicalMs(this.#latest) + (this.#clock.nowMs() - this.#latestAtMs);
    return Math.max(0, nowMs - physicalMs(timestamp));
  }
}

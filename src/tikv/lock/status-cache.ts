import type { FinalStatus } from './txn-status.ts';

/** As many as client-go remembers. */
const STATUS_COUNT_MAX = 2048;

/** The fates of transactions by their start timestamps, the newest `STATUS_COUNT_MAX` of them. They never change. */
export class StatusCache {
  readonly #statuses = new Map<bigint, FinalStatus>();

  get(startTimestamp: bigint): FinalStatus | undefined {
    return this.#statuses.get(startTimestamp);
  }

  set(startTimestamp: bigint, status: FinalStatus): void {
    this.#statuses.set(startTimestamp, status);
    if (this.#statuses.size <= STATUS_COUNT_MAX) return;
    for (const oldest of this.#statuses.keys()) {
      this.#statuses.delete(oldest);
      break;
    }
  }
}

import type { Clock } from '../../base/index.ts';
import { batchBytes } from '../index.ts';
import type { Batch, KeyRange, Snapshot } from '../index.ts';

/** Reading everything takes at most this share of the time when it was asked for, ... */
const SHARE_MAX = 1 / 20;
/** ... and this one when what was measured has only grown old. */
const AGED_SHARE_MAX = 1 / 100;
/** What was measured has not grown old before this. */
const AGED_MS = 10 * 60_000;

/**
 * How many bytes of keys and values there are in a range of a store that does not tell: everything is read once, then
 * what is committed here is added. A value that is replaced on condition of what it is is known, and taken off. What else
 * was there before is not known, so that the figure is too high by as much until it is measured again: at once after `renew`,
 * after a while when keys were removed here, or when somebody else may write: nobody here adds keys.
 *
 * Old versions and copies on other stores are not counted: TiKV collects the ones and does not tell of the others.
 */
export class SizeEstimate {
  readonly #clock: Clock;
  readonly #range: KeyRange;
  readonly #snapshot: () => Promise<Snapshot>;
  #bytes = 0;
  /** What was committed since the measuring under way began; part of it may have been read. */
  #since = 0;
  #measuring: Promise<void> | undefined;
  #isStale = true;
  #measuredMs = -Infinity;
  #tookMs = 0;
  #hasRemoved = false;
  /** When a key was added here. What is replaced over and over, such as records of leases and members, adds none. */
  #addedMs = -Infinity;

  constructor(parts: { clock: Clock; range: KeyRange; snapshot: () => Promise<Snapshot> }) {
    this.#clock = parts.clock;
    this.#range = parts.range;
    this.#snapshot = parts.snapshot;
  }

  committed(batch: Batch): void {
    let bytes = batchBytes(batch);
    let replaced = 0;
    for (const condition of batch.conditions) {
      if (condition.is !== 'equal') continue;
      bytes -= condition.key.length + condition.value.length;
      replaced++;
    }
    let removed = 0;
    for (const { value } of batch.writes) if (value === undefined) removed++;
    this.#bytes += bytes;
    this.#since += bytes;
    if (removed > 0) this.#hasRemoved = true;
    if (batch.writes.length > replaced + removed) this.#addedMs = this.#clock.nowMs();
  }

  /** Much has been removed: what is known is too high. */
  renew(): void {
    this.#isStale = true;
  }

  async bytes(): Promise<number> {
    if (this.#isDue()) this.#measuring ??= this.#measure().finally(() => (this.#measuring = undefined));
    await this.#measuring;
    return this.#bytes;
  }

  #isDue(): boolean {
    const nowMs = this.#clock.nowMs();
    const agoMs = nowMs - this.#measuredMs;
    if (this.#isStale) return agoMs >= this.#tookMs / SHARE_MAX;
    const isForeign = nowMs - this.#addedMs > AGED_MS;
    return (this.#hasRemoved || isForeign) && agoMs > Math.max(AGED_MS, this.#tookMs / AGED_SHARE_MAX);
  }

  async #measure(): Promise<void> {
    const startMs = this.#clock.nowMs();
    this.#isStale = this.#hasRemoved = false;
    this.#since = 0;
    try {
      await using snapshot = await this.#snapshot();
      let bytes = 0;
      for await (const entries of snapshot.scan(this.#range))
        for (const { key, value } of entries) bytes += key.length + value.length;
      this.#bytes = bytes + this.#since;
    } catch (error) {
      this.#isStale = true;
      throw error;
    } finally {
      this.#measuredMs = this.#clock.nowMs();
      this.#tookMs = this.#measuredMs - startMs;
    }
  }
}

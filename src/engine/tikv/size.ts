import type { Clock } from '../../base/index.ts';
import { batchBytes } from '../index.ts';
import type { Batch, KeyRange, Snapshot } from '../index.ts';

/** Reading everything takes at most this share of the time. */
const SHARE_MAX = 1 / 20;
/** Without a commit of our own for so long, somebody else writes: then what was measured grows old. */
const FOREIGN_MS = 10 * 60_000;

/**
 * How many bytes of keys and values there are in a range of a store that does not tell: everything is read once, then
 * what is committed here is added. What an overwritten or removed key held is not known, so that the figure is too high
 * by as much until it is measured again: after `renew`, which whoever has removed much calls by compacting.
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
  #committedMs = -Infinity;

  constructor(parts: { clock: Clock; range: KeyRange; snapshot: () => Promise<Snapshot> }) {
    this.#clock = parts.clock;
    this.#range = parts.range;
    this.#snapshot = parts.snapshot;
  }

  committed(batch: Batch): void {
    const bytes = batchBytes(batch);
    this.#bytes += bytes;
    this.#since += bytes;
    this.#committedMs = this.#clock.nowMs();
  }

  /** Much has been removed: what is known is too high. */
  renew(): void {
    this.#isStale = true;
  }

  async bytes(): Promise<number> {
    const nowMs = this.#clock.nowMs();
    const isForeign = nowMs - Math.max(this.#committedMs, this.#measuredMs) > FOREIGN_MS;
    const isDue = nowMs - this.#measuredMs >= this.#tookMs / SHARE_MAX;
    if ((this.#isStale && isDue) || isForeign) {
      this.#measuring ??= this.#measure().finally(() => (this.#measuring = undefined));
    }
    await this.#measuring;
    return this.#bytes;
  }

  async #measure(): Promise<void> {
    const startMs = this.#clock.nowMs();
    this.#isStale = false;
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

import type { FloodLimit, FloodLimits } from './limits.ts';
import { calmDown } from './violation.ts';

/**
 * What a connection may still send of the frames that bring no request forward. Each kind has credits: so many at the
 * start, more with each second. Throws ConnectionViolation when they are spent: what CVE-2019-9511 to 9518, CVE-2023-44487
 * and CVE-2025-8671 are about.
 */
export class FloodGuard {
  readonly #limits: FloodLimits;
  #second: number;
  #settings: number;
  #pings: number;
  #ignored: number;
  #windowUpdates: number;
  #emptyData: number;
  #resets: number;

  /** `second` counts seconds, as it does in every later call. */
  constructor(limits: FloodLimits, second: number) {
    this.#limits = limits;
    this.#second = second;
    this.#settings = limits.settings.burst;
    this.#pings = limits.pings.burst;
    this.#ignored = limits.ignored.burst;
    this.#windowUpdates = limits.windowUpdates.burst;
    this.#emptyData = limits.emptyData.burst;
    this.#resets = limits.resets.burst;
  }

  settings(second: number): void {
    this.#refill(second);
    if (--this.#settings < 0) throw calmDown('too many SETTINGS');
  }

  ping(second: number): void {
    this.#refill(second);
    if (--this.#pings < 0) throw calmDown('too many PING');
  }

  ignored(second: number): void {
    this.#refill(second);
    if (--this.#ignored < 0) throw calmDown('too many frames without effect');
  }

  windowUpdate(second: number): void {
    this.#refill(second);
    if (--this.#windowUpdates < 0) throw calmDown('too many WINDOW_UPDATE');
  }

  emptyData(second: number): void {
    this.#refill(second);
    if (--this.#emptyData < 0) throw calmDown('too many empty DATA');
  }

  reset(second: number): void {
    this.#refill(second);
    if (--this.#resets < 0) throw calmDown('too many reset streams');
  }

  /** A request was answered. */
  answered(): void {
    if (this.#resets < this.#limits.resets.burst) this.#resets++;
  }

  /** A DATA frame was sent; its receiver opens two windows for it. */
  dataSent(): void {
    if (this.#windowUpdates < this.#limits.windowUpdates.burst) this.#windowUpdates += 2;
  }

  #refill(second: number): void {
    const seconds = second - this.#second;
    if (seconds <= 0) return;
    this.#second = second;
    const limits = this.#limits;
    this.#settings = refilled(this.#settings, limits.settings, seconds);
    this.#pings = refilled(this.#pings, limits.pings, seconds);
    this.#ignored = refilled(this.#ignored, limits.ignored, seconds);
    this.#windowUpdates = refilled(this.#windowUpdates, limits.windowUpdates, seconds);
    this.#emptyData = refilled(this.#emptyData, limits.emptyData, seconds);
    this.#resets = refilled(this.#resets, limits.resets, seconds);
  }
}

function refilled(credits: number, limit: FloodLimit, seconds: number): number {
  return Math.min(limit.burst, credits + limit.perSecond * seconds);
}

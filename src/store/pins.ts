import type { Clock } from '../base/index.ts';
import type { KeyIndex } from '../index/index.ts';
import type { StoreLimits } from './limits.ts';

/** A revision that stays readable while a long walk needs it. */
export interface Pin {
  readonly revision: number;
  readonly endsMs: number;
  /** Bytes found and not handed over. */
  bytes: number;
}

/** The pins of all walks under way: bounded in number, bytes and time. Trimming stops at the lowest one. */
export class Pins {
  readonly #index: KeyIndex;
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  readonly #released: (revision: number) => void;
  readonly #pins = new Set<Pin>();
  #bytes = 0;

  /** `released` is called after each pin's end, with its revision: trimming may go on. */
  constructor(parts: {
    index: KeyIndex;
    clock: Clock;
    limits: StoreLimits;
    released: (revision: number) => void;
  }) {
    this.#index = parts.index;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#released = parts.released;
  }

  get count(): number {
    return this.#pins.size;
  }
  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined when there are too many already. */
  open(revision: number): Pin | undefined {
    if (this.#pins.size >= this.#limits.pinsMax) return undefined;
    const pin: Pin = { revision, endsMs: this.#clock.nowMs() + this.#limits.pinMsMax, bytes: 0 };
    this.#pins.add(pin);
    this.#limitTrimming();
    return pin;
  }

  /** The walk of `pin` holds `bytes` now. What is wrong with that, if anything. */
  hold(pin: Pin, bytes: number): 'TooManyRequests' | 'Timeout' | undefined {
    this.#bytes += bytes - pin.bytes;
    pin.bytes = bytes;
    if (this.#bytes > this.#limits.pinnedBytesMax) return 'TooManyRequests';
    return this.#clock.nowMs() > pin.endsMs ? 'Timeout' : undefined;
  }

  close(pin: Pin): void {
    if (!this.#pins.delete(pin)) return;
    this.#bytes -= pin.bytes;
    this.#limitTrimming();
    this.#released(pin.revision);
  }

  #limitTrimming(): void {
    let lowest = Infinity;
    for (const pin of this.#pins) lowest = Math.min(lowest, pin.revision);
    this.#index.setTrimLimit(lowest);
  }
}

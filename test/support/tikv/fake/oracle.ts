/** Milliseconds and a counter of 18 bits; what it gives out only grows. */

const logicalBits = 18n;
const logicalMax = 1 << 18;

export function timestampOf(physicalMs: number, logical: number): bigint {
  return (BigInt(physicalMs) << logicalBits) | BigInt(logical);
}

export function physicalOf(timestamp: bigint): bigint {
  return timestamp >> logicalBits;
}

export class Oracle {
  readonly #clockMs: () => number;
  #physicalMs = 0;
  #logical = 0;
  #offsetMs = 0;

  /** @param clockMs milliseconds since 1970. @default the machine's clock */
  constructor(clockMs = () => Date.now()) {
    this.#clockMs = clockMs;
  }

  /** Moves its clock; back as well, which holds the milliseconds where they are until time has caught up. */
  shift(ms: number): void {
    this.#offsetMs += ms;
  }

  /** The largest that was given out. */
  get last(): bigint {
    return timestampOf(this.#physicalMs, this.#logical);
  }

  /** Reserves `count`, and answers the largest of them. */
  take(count: number): { readonly physicalMs: number; readonly logical: number } {
    const nowMs = this.#clockMs() + this.#offsetMs;
    if (nowMs > this.#physicalMs) {
      this.#physicalMs = nowMs;
      this.#logical = 0;
    }
    if (this.#logical + count >= logicalMax) {
      this.#physicalMs++;
      this.#logical = 0;
    }
    this.#logical += count;
    return { physicalMs: this.#physicalMs, logical: this.#logical };
  }

  next(): bigint {
    const { physicalMs, logical } = this.take(1);
    return timestampOf(physicalMs, logical);
  }
}

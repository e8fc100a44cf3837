/** Exact below this many microseconds; above, each doubling has so many buckets, so that none is wider than 1.6 %. */
const EXACT_MICROS = 128;
const BUCKETS_PER_DOUBLING = 64;
/** What takes longer than this half an hour counts as that long. */
const MICROS_MAX = 2 ** 31 - 1;
const DOUBLINGS = 31 - 7;

/** Counts of durations, for percentiles of millions of them at the cost of an addition each. */
export class Latencies {
  readonly #counts = new Float64Array(EXACT_MICROS + BUCKETS_PER_DOUBLING * DOUBLINGS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  record(milliseconds: number): void {
    const micros = milliseconds > 0 ? Math.min(Math.round(milliseconds * 1000), MICROS_MAX) : 0;
    this.#counts[bucketOf(micros)]! += 1;
    this.#count++;
    if (milliseconds > this.#maxMs) this.#maxMs = milliseconds;
  }

  /** The duration in ms that `share` (0..1) of all do not exceed; 0 when there is none. */
  percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    if (left === 0) return 0;
    for (let at = 0; at < this.#counts.length; at++) {
      left -= this.#counts[at]!;
      if (left <= 0) return Math.min(upperMicros(at) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }

  summary(): LatencySummary {
    return {
      p50Ms: this.percentile(0.5),
      p99Ms: this.percentile(0.99),
      p999Ms: this.percentile(0.999),
      maxMs: this.#maxMs,
    };
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxMs = 0;
  }
}

export interface LatencySummary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

function bucketOf(micros: number): number {
  if (micros < EXACT_MICROS) return micros;
  const doubling = 31 - Math.clz32(micros);
  // The leading seven bits: 64..127 within the doubling.
  return EXACT_MICROS + (doubling - 7) * BUCKETS_PER_DOUBLING + (micros >>> (doubling - 6)) - 64;
}

/** The longest duration that falls into a bucket. */
function upperMicros(bucket: number): number {
  if (bucket < EXACT_MICROS) return bucket;
  const doubling = 7 + Math.floor((bucket - EXACT_MICROS) / BUCKETS_PER_DOUBLING);
  const leading = 64 + ((bucket - EXACT_MICROS) % BUCKETS_PER_DOUBLING);
  return (leading + 1) * 2 ** (doubling - 6) - 1;
}

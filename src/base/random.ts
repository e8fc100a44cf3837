/** A source of random numbers as the core rooms see it. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform among the 63-bit positive integers, never 0. */
  next63(): bigint;
}

/** A seeded source: one seed, one sequence, on every machine (mulberry32). For the simulator and for tests. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  next63(): bigint {
    const high = BigInt(this.int(0, 0x7fffffff));
    const low = BigInt(this.int(0, 0xffffffff));
    return (high << 32n) | low || 1n;
  }

  /** Uniform among the integers from `min` to `maxInclusive`. */
  int(min: number, maxInclusive: number): number {
    return min + Math.floor(this.next() * (maxInclusive - min + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)]!;
  }

  /** An independent source: drawing from it does not shift what this one yields later. */
  fork(label: string): SeededRandom {
    let hash = 2166136261;
    for (const c of label) hash = Math.imul(hash ^ c.charCodeAt(0), 16777619);
    return new SeededRandom(hash ^ this.int(0, 0x7fffffff));
  }
}

/** Counts observations in buckets: plain numbers, so that it can be fed before anybody has asked for metrics. */
export class Histogram {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    for (let at = 0; at < this.bounds.length; at++) {
      if (value > this.bounds[at]!) continue;
      this.#counts[at]! += 1;
      return;
    }
  }

  /** In Prometheus' text form. */
  text(): string {
    const { name } = this;
    let lines = `# HELP ${name} ${this.help}\n# TYPE ${name} histogram\n`;
    let below = 0;
    for (let at = 0; at < this.bounds.length; at++) {
      below += this.#counts[at]!;
      lines += `${name}_bucket{le="${this.bounds[at]!}"} ${below}\n`;
    }
    lines += `${name}_bucket{le="+Inf"} ${this.#count}\n`;
    return `${lines}${name}_sum ${this.#sum}\n${name}_count ${this.#count}\n`;
  }
}

/** `count` bounds, each `factor` times the one before. */
export function exponentialBounds(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => start * factor ** at);
}

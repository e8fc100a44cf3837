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
    return heading(this) + this.samples('');
  }

  /** The lines below the heading, with `labels` in front of others, each `name="value",`. */
  samples(labels: string): string {
    const { name } = this;
    const only = labels === '' ? '' : `{${labels.slice(0, -1)}}`;
    let lines = '';
    let below = 0;
    for (let at = 0; at < this.bounds.length; at++) {
      below += this.#counts[at]!;
      lines += `${name}_bucket{${labels}le="${this.bounds[at]!}"} ${below}\n`;
    }
    lines += `${name}_bucket{${labels}le="+Inf"} ${this.#count}\n`;
    return `${lines}${name}_sum${only} ${this.#sum}\n${name}_count${only} ${this.#count}\n`;
  }
}

/** Histograms of one name, told apart by a label, whose values come from a closed set and need no escaping. */
export class LabelledHistograms {
  readonly name: string;
  readonly help: string;
  readonly #label: string;
  readonly #read: () => Iterable<readonly [value: string, histogram: Histogram]>;

  constructor(
    { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
    read: () => Iterable<readonly [value: string, histogram: Histogram]>,
  ) {
    this.name = name;
    this.help = help;
    this.#label = label;
    this.#read = read;
  }

  text(): string {
    let text = heading(this);
    for (const [value, histogram] of this.#read()) text += histogram.samples(`${this.#label}="${value}",`);
    return text;
  }
}

function heading({ name, help }: { readonly name: string; readonly help: string }): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
}

/** `count` bounds, each `factor` times the one before. */
export function exponentialBounds(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => start * factor ** at);
}

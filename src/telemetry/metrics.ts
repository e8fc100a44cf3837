/** One value of a metric with its labels, whose values come from closed sets. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels?: readonly string[];
  /** Read when somebody asks for the metrics; a counter's values never fall. */
  readonly read: () => number | readonly Sample[];
}

/** Writes itself in Prometheus' text form. */
export interface TextMetric {
  text(): string;
}

/**
 * What is exported in Prometheus' form. Metrics are read when they are asked for, and nothing is loaded or computed before
 * somebody asks, so that they cost a server nothing that is not scraped.
 */
export class Metrics {
  readonly #definitions: MetricDefinition[] = [];
  readonly #histograms: TextMetric[] = [];
  #registry: Promise<{ metrics(): Promise<string>; contentType: string }> | undefined;

  add(...definitions: readonly MetricDefinition[]): void {
    this.#definitions.push(...definitions);
  }

  addHistogram(histogram: TextMetric): void {
    this.#histograms.push(histogram);
  }

  async text(): Promise<{ text: string; contentType: string }> {
    this.#registry ??= buildRegistry(this.#definitions);
    const registry = await this.#registry;
    const histograms = this.#histograms.map((each) => each.text()).join('');
    return { text: `${await registry.metrics()}${histograms}`, contentType: registry.contentType };
  }
}

async function buildRegistry(
  definitions: readonly MetricDefinition[],
): Promise<{ metrics(): Promise<string>; contentType: string }> {
  const { collectDefaultMetrics, Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  // process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds, and what Node knows of itself.
  collectDefaultMetrics({ register: registry });
  for (const { name, help, kind, labels, read } of definitions) {
    const shared = { name, help, labelNames: labels ?? [], registers: [registry] };
    if (kind === 'gauge') {
      new Gauge({
        ...shared,
        collect() {
          this.reset();
          for (const sample of samplesOf(read())) this.set(sample.labels, sample.value);
        },
      });
    } else {
      new Counter({
        ...shared,
        collect() {
          this.reset();
          for (const sample of samplesOf(read())) this.inc(sample.labels, sample.value);
        },
      });
    }
  }
  return registry;
}

function samplesOf(value: number | readonly Sample[]): readonly Sample[] {
  return typeof value === 'number' ? [{ labels: {}, value }] : value;
}

import type { LatencySummary } from './load/latencies.ts';

/** What one row gave on one server in one round. */
export interface Measurement extends LatencySummary {
  /** Calls, lists, pages or events, as the row says. */
  readonly operations: number;
  readonly elapsedMs: number;
  /** Of the server, for all operations. */
  readonly serverCpuMicros: number;
  readonly generatorCpuMicros: number;
  /** What went wrong and how often: one is enough for the row to fail. */
  readonly failures: Readonly<Record<string, number>>;
  /** What else the row measures, such as `growthMiB`. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** The failures of a measurement with one more. */
export function withFailure(measurement: Measurement, what: string): Measurement {
  return { ...measurement, failures: { ...measurement.failures, [what]: 1 } };
}

/** The figures that are compared, each better when it is lower or higher. */
export interface Figures {
  readonly perSecond: number;
  /** Of the server, for one operation. */
  readonly cpuMicros: number;
  readonly generatorCpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly extra: Readonly<Record<string, number>>;
}

export function figuresOf(measurement: Measurement): Figures {
  const { operations, elapsedMs, serverCpuMicros, generatorCpuMicros, p50Ms, p99Ms, p999Ms } = measurement;
  return {
    perSecond: (operations * 1000) / elapsedMs,
    cpuMicros: serverCpuMicros / Math.max(1, operations),
    generatorCpuMicros: generatorCpuMicros / Math.max(1, operations),
    ...{ p50Ms, p99Ms, p999Ms },
    extra: measurement.extra ?? {},
  };
}

/** Of several rounds: the median of each figure. */
export function medianFigures(rounds: readonly Figures[]): Figures {
  const of = (value: (figures: Figures) => number): number => median(rounds.map(value));
  const names = Object.keys(rounds[0]?.extra ?? {});
  return {
    perSecond: of((one) => one.perSecond),
    cpuMicros: of((one) => one.cpuMicros),
    generatorCpuMicros: of((one) => one.generatorCpuMicros),
    p50Ms: of((one) => one.p50Ms),
    p99Ms: of((one) => one.p99Ms),
    p999Ms: of((one) => one.p999Ms),
    extra: Object.fromEntries(names.map((name) => [name, of((one) => one.extra[name] ?? 0)])),
  };
}

/** Largest difference from the median, as a share of it: 0.1 is plus or minus 10 %. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  if (middle === 0) return 0;
  return Math.max(...values.map((value) => Math.abs(value - middle))) / middle;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

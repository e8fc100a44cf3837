import type { MetricDefinition } from '../telemetry/index.ts';

export function gauge(name: string, help: string, read: MetricDefinition['read']): MetricDefinition {
  return { name, help, kind: 'gauge', read };
}

export function counter(name: string, help: string, read: MetricDefinition['read']): MetricDefinition {
  return { name, help, kind: 'counter', read };
}

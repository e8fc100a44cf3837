/** Short ways to say what kind of metric one is. */

import type { MetricDefinition } from '../telemetry/index.ts';

/** What is as it is at the moment. */
export function gauge(name: string, help: string, read: MetricDefinition['read']): MetricDefinition {
  return { name, help, kind: 'gauge', read };
}

/** What only grows, since the start. */
export function counter(name: string, help: string, read: MetricDefinition['read']): MetricDefinition {
  return { name, help, kind: 'counter', read };
}

/** Log lines and metrics: pino and prom-client behind small interfaces. */

export { exponentialBounds, Histogram, LabelledHistograms } from './histogram.ts';
export { createLogger, type LoggerOptions, type LogLevel } from './logger.ts';
export { Metrics, type MetricDefinition, type Sample, type TextMetric } from './metrics.ts';

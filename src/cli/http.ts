import type { Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import {
  clientHttp,
  createGateway,
  healthChecks,
  metricsHttp,
  type GatewayOptions,
  type HealthAnswers,
  type ServerContext,
} from '../server/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { HttpHandler } from '../transport/index.ts';

export interface HttpParts {
  readonly settings: Settings;
  readonly context: Pick<ServerContext, 'store' | 'node'>;
  readonly metrics: Metrics;
  readonly healthAnswers: HealthAnswers;
  /** The same services as over gRPC, under the same limits. */
  readonly calls: GatewayOptions;
  readonly logger: Logger;
}

/** What is served that is not gRPC: on the client port, and on the metrics listeners. */
export function httpHandlers(parts: HttpParts): {
  readonly client: HttpHandler;
  readonly metrics: HttpHandler;
} {
  const { settings, context, metrics, healthAnswers, calls, logger } = parts;
  const routes = { checks: healthChecks(context), healthAnswers, metrics: () => metrics.text(), logger };
  return {
    client: clientHttp({
      ...routes,
      cors: settings.cors,
      hostWhitelist: settings.hostWhitelist,
      gateway: settings.enableGrpcGateway ? createGateway(calls) : undefined,
      debugVars,
    }),
    metrics: metricsHttp(routes),
  };
}

/** Of what Go's expvar tells, that which means something here. */
function debugVars(): Record<string, unknown> {
  const { heapTotal, heapUsed, rss } = process.memoryUsage();
  return {
    cmdline: process.argv,
    memstats: { Alloc: heapUsed, HeapAlloc: heapUsed, HeapSys: heapTotal, Sys: rss },
  };
}

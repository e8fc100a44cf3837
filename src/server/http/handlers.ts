import type { HttpHandler } from '../../transport/index.ts';
import { withAccessControl, type AccessOptions } from './access.ts';
import { createMux, withDecodedPath, withoutBeta, type PathHandler } from './mux.ts';
import { clientRoutes, metricsRoutes, type HttpRoutesOptions } from './routes.ts';

export interface ClientHttpOptions extends HttpRoutesOptions, AccessOptions {
  /** Everything below `/v3/`; undefined: nothing is there. */
  readonly gateway: PathHandler | undefined;
  /** What `/debug/vars` tells. */
  readonly debugVars: () => Readonly<Record<string, unknown>>;
}

/** All that is served on the client port and is not gRPC. */
export function clientHttp(options: ClientHttpOptions): HttpHandler {
  const mux = createMux(clientRoutes(options), options.gateway);
  const guarded = withAccessControl(options, mux);
  return withDecodedPath((exchange, path) => guarded(exchange, withoutBeta(path)));
}

/** All that is served on the metrics listeners. */
export function metricsHttp(options: HttpRoutesOptions): HttpHandler {
  return withDecodedPath(createMux(metricsRoutes(options)));
}

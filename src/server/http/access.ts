import type { Logger } from '../../base/index.ts';
import type { HttpExchange } from '../../transport/index.ts';
import { plainError, send } from './answer.ts';
import { HeadedExchange } from './headed-exchange.ts';
import type { PathHandler } from './mux.ts';

export interface AccessOptions {
  /** `--cors`: origins whose pages may read answers. Empty, or with `*`: all. */
  readonly cors: readonly string[];
  /** `--host-whitelist`: names that this server may be called by without TLS. Empty, or with `*`: all. */
  readonly hostWhitelist: readonly string[];
  readonly logger: Logger;
}

/** What etcd checks before it serves anything over HTTP on its client port (server/embed/serve.go, accessController). */
export function withAccessControl(options: AccessOptions, handler: PathHandler): PathHandler {
  const hosts = new Set(options.hostWhitelist);
  const origins = new Set(options.cors);
  return (exchange, path) => {
    const host = hostnameOf(exchange.host);
    if (!exchange.secure && !allows(hosts, host)) {
      options.logger.warn('rejecting HTTP request to prevent DNS rebinding attacks', { host });
      send(exchange, plainError(421, unknownHost(host)));
      return;
    }
    const headed = withCors(exchange, origins);
    if (exchange.method === 'OPTIONS') headed.respond(200, {}, '');
    else handler(headed, path);
  };
}

function allows(list: ReadonlySet<string>, name: string): boolean {
  return list.size === 0 || list.has('*') || list.has(name);
}

function withCors(exchange: HttpExchange, origins: ReadonlySet<string>): HttpExchange {
  const origin = allows(origins, '*') ? '*' : (exchange.header('origin') ?? '');
  if (!allows(origins, origin)) return exchange;
  return new HeadedExchange(exchange, {
    'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'access-control-allow-origin': origin,
    'access-control-allow-headers': 'accept, content-type, authorization',
  });
}

/** Without the port, and without the brackets of an IPv6 address that has one. What is neither is taken as a whole. */
function hostnameOf(host: string): string {
  const match = /^(?:\[([^[\]]*)\]|([^[\]:]*)):[^[\]:]*$/.exec(host);
  return match === null ? host : (match[1] ?? match[2] ?? '');
}

/** etcd's text, in which the flag's name is the same. */
function unknownHost(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
}

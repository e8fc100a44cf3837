import type { HttpExchange, HttpHandler } from '../../transport/index.ts';
import { NOT_FOUND, PLAIN, send } from './answer.ts';
import type { HttpRoutes } from './routes.ts';

/** Serves an exchange whose path, decoded, is `path`. */
export type PathHandler = (exchange: HttpExchange, path: string) => void;

const GATEWAY_ROOT = '/v3/';
const GATEWAY_ROOT_BEFORE = '/v3beta/';

/** Finds who serves a path, as Go's `http.ServeMux` does for etcd: by whole paths, and everything below `/v3/`. */
export function createMux(routes: HttpRoutes, gateway?: PathHandler): PathHandler {
  return (exchange, path) => {
    const clean = cleanPath(path);
    const isRoot = gateway !== undefined && `${clean}/` === GATEWAY_ROOT;
    if (clean !== path || isRoot) {
      redirect(exchange, isRoot ? GATEWAY_ROOT : clean);
      return;
    }
    const handler = routes.get(path);
    if (handler !== undefined) handler(exchange);
    else if (gateway !== undefined && path.startsWith(GATEWAY_ROOT)) gateway(exchange, path);
    else send(exchange, NOT_FOUND);
  };
}

/** Characters that no host can have (Go's `httpguts.ValidHostHeader`). */
const MALFORMED_HOST = /[^0-9A-Za-z!$%&'()*+,\-.:;=[\]_~]/;

/** The door of a listener: what Go answers before it asks anybody, then `handler` with the decoded path. */
export function withDecodedPath(handler: PathHandler): HttpHandler {
  return (exchange) => {
    const path = decodePath(exchange.path);
    if (MALFORMED_HOST.test(exchange.host)) refuse(exchange, '400 Bad Request: malformed Host header');
    else if (path === '*' && exchange.method === 'OPTIONS') exchange.respond(200, {}, '');
    else if (path === undefined || path === '*') refuse(exchange, '400 Bad Request');
    else handler(exchange, path);
  };
}

function refuse(exchange: HttpExchange, text: string): void {
  exchange.respond(400, { 'content-type': PLAIN }, text);
}

/** etcd still serves the older name of its gateway's paths. */
export function withoutBeta(path: string): string {
  return path.startsWith(GATEWAY_ROOT_BEFORE) ? GATEWAY_ROOT + path.slice(GATEWAY_ROOT_BEFORE.length) : path;
}

function decodePath(path: string): string | undefined {
  if (!path.includes('%')) return path;
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return undefined;
  // Bytes, whatever they stand for: only ASCII has a meaning here.
  return path.replace(/%([0-9a-fA-F]{2})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** Without empty parts, `.` and `..`; a slash at the end stays. */
function cleanPath(path: string): string {
  if (!/\/(\/|\.\.?(\/|$))/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const isFolder = path.endsWith('/') && parts.length > 0;
  return `/${parts.join('/')}${isFolder ? '/' : ''}`;
}

/** As Go's `http.Redirect` with 307, of which only a GET gets a body. */
function redirect(exchange: HttpExchange, path: string): void {
  const query = exchange.query === '' ? '' : `?${exchange.query}`;
  const location = `${path.replace(/[^\x21-\x7e]|[%?#]/g, escaped)}${query.replace(/[^\x21-\x7e]/g, escaped)}`;
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    exchange.respond(307, { location }, '');
    return;
  }
  const shown = location.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  const body = `<a href="${shown}">Temporary Redirect</a>.\n\n`;
  exchange.respond(307, { location, 'content-type': 'text/html; charset=utf-8' }, body);
}

function escaped(char: string): string {
  return `%${(char.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
}

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Logger } from '../../base/index.ts';
import type { HttpExchange, HttpHandler } from '../../transport/index.ts';
import { ETCD_VERSION, STORAGE_VERSION } from '../context.ts';
import { METHOD_NOT_ALLOWED, NOSNIFF, PLAIN, plainError, send, type HttpAnswer } from './answer.ts';
import type { Check, HealthChecks } from './checks.ts';

export interface HttpRoutesOptions {
  readonly checks: HealthChecks;
  /** Counted up with every answer of `/health`. */
  readonly healthAnswers: HealthAnswers;
  /** The text of `/metrics` and its content type. */
  readonly metrics: () => Promise<{ text: string; contentType: string }>;
  readonly logger: Logger;
}

export interface HealthAnswers {
  healthy: number;
  unhealthy: number;
}

/** Handlers by path. */
export type HttpRoutes = ReadonlyMap<string, HttpHandler>;

/** An answer to a request, of which the query is all that matters. */
type Answering = (query: URLSearchParams, exchange: HttpExchange) => HttpAnswer | Promise<HttpAnswer>;

/** What etcd serves on its metrics listeners, with its bodies (etcd-v3.md A.7). */
export function metricsRoutes(options: HttpRoutesOptions): HttpRoutes {
  const { checks, healthAnswers, metrics, logger } = options;
  const live = { serializable_read: checks.serializableRead };
  const ready = {
    data_corruption: checks.dataCorruption,
    serializable_read: checks.serializableRead,
    linearizable_read: checks.linearizableRead,
    non_learner: checks.nonLearner,
  };
  const routes = new Map<string, Answering>([
    ['/health', (query) => health(checks, healthAnswers, query)],
    ...probeRoutes('/livez', live),
    ...probeRoutes('/readyz', ready),
  ]);
  const handlers = new Map([...routes].map(([path, run]) => [path, getting(run, logger)] as const));
  // By any method, as in etcd.
  handlers.set(
    '/metrics',
    answering((_query, exchange) => scrape(metrics, exchange), logger),
  );
  return handlers;
}

/** What etcd serves on its client port besides its API. `debugVars` are what `/debug/vars` tells. */
export function clientRoutes(
  options: HttpRoutesOptions & { readonly debugVars: () => Readonly<Record<string, unknown>> },
): HttpRoutes {
  const { debugVars, logger } = options;
  return new Map([
    ...metricsRoutes(options),
    ['/version', getting(() => version(), logger)],
    ['/debug/vars', getting(() => vars(debugVars()), logger)],
  ]);
}

function getting(run: Answering, logger: Logger): HttpHandler {
  const answer = answering(run, logger);
  return (exchange) => {
    if (exchange.method === 'GET') answer(exchange);
    else send(exchange, METHOD_NOT_ALLOWED);
  };
}

function answering(run: Answering, logger: Logger): HttpHandler {
  const serve = async (exchange: HttpExchange): Promise<void> => {
    try {
      send(exchange, await run(new URLSearchParams(exchange.query), exchange));
    } catch (error) {
      logger.error('an HTTP request failed', { path: exchange.path, error });
      send(exchange, plainError(500, 'Internal Server Error'));
    }
  };
  return (exchange) => void serve(exchange);
}

function version(): HttpAnswer {
  const versions = { etcdserver: ETCD_VERSION, etcdcluster: STORAGE_VERSION, storage: STORAGE_VERSION };
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(versions) };
}

/** As Go's expvar writes it. */
function vars(values: Readonly<Record<string, unknown>>): HttpAnswer {
  const lines = Object.entries(values).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: `{\n${lines.join(',\n')}\n}\n`,
  };
}

const compress = promisify(gzip);

async function scrape(metrics: HttpRoutesOptions['metrics'], exchange: HttpExchange): Promise<HttpAnswer> {
  const { text, contentType } = await metrics();
  const headers = { 'content-type': contentType };
  const accepts = exchange.header('accept-encoding') ?? '';
  if (!/(^|[,\s])gzip\s*(;\s*q=(1|0?\.\d*[1-9])|,|$)/i.test(accepts))
    return { status: 200, headers, body: text };
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: await compress(text) };
}

async function health(
  checks: HealthChecks,
  answers: HealthAnswers,
  query: URLSearchParams,
): Promise<HttpAnswer> {
  const excluded = new Set(query.getAll('exclude'));
  const alarm = checks.alarms().find((each) => !excluded.has(each));
  let reason = alarm === undefined ? '' : `ALARM ${alarm}`;
  const serializable = query.get('serializable') === 'true';
  if (reason === '' && !serializable && !checks.hasLeader()) reason = 'RAFT NO LEADER';
  if (reason === '') {
    const failure = await (serializable ? checks.serializableRead() : checks.linearizableRead());
    if (failure !== undefined) reason = `RANGE ERROR:${failure}`;
  }
  const body = JSON.stringify({ health: String(reason === ''), reason });
  if (reason !== '') {
    answers.unhealthy++;
    return plainError(503, body);
  }
  answers.healthy++;
  // etcd leaves the content type to Go's sniffing, which takes this for plain text.
  return { status: 200, headers: { 'content-type': PLAIN }, body };
}

/** `/livez` or `/readyz` with all its checks, and each of them by itself. */
function probeRoutes(root: string, checks: Readonly<Record<string, Check>>): [string, Answering][] {
  const names = Object.keys(checks);
  return [
    [
      root,
      (query) => {
        const excluded = new Set(query.getAll('exclude'));
        const asked = names.filter((each) => !excluded.has(each));
        return probe(asked, checks, query);
      },
    ],
    ...names.map((name): [string, Answering] => [`${root}/${name}`, (query) => probe([name], checks, query)]),
  ];
}

async function probe(
  names: readonly string[],
  checks: Readonly<Record<string, Check>>,
  query: URLSearchParams,
): Promise<HttpAnswer> {
  let report = '';
  let healthy = true;
  for (const name of names) {
    const failure = await checks[name]!();
    if (failure === undefined) report += `[+]${name} ok\n`;
    else {
      healthy = false;
      report += `[-]${name} failed: ${failure}\n`;
    }
  }
  if (!healthy) return plainError(503, report);
  const body = query.has('verbose') ? `${report}ok\n` : 'ok\n';
  return { status: 200, headers: { 'content-type': PLAIN, ...NOSNIFF }, body };
}

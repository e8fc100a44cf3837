import { ETCD_VERSION, STORAGE_VERSION } from '../context.ts';
import type { Check, HealthChecks } from './checks.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers a GET by its path (without the query) and query. */
export type HttpRoute = (path: string, query: URLSearchParams) => Promise<HttpAnswer>;

export interface HttpRoutesOptions {
  readonly checks: HealthChecks;
  /** The text of `/metrics` and its content type. */
  readonly metrics: () => Promise<{ text: string; contentType: string }>;
}

const PLAIN = 'text/plain; charset=utf-8';

/** `/health`, `/livez`, `/readyz`, `/version` and `/metrics`, with etcd's bodies (etcd-v3.md A.7). */
export function httpRoutes({ checks, metrics }: HttpRoutesOptions): HttpRoute {
  const live = { serializable_read: checks.serializableRead };
  const ready = {
    data_corruption: checks.dataCorruption,
    serializable_read: checks.serializableRead,
    linearizable_read: checks.linearizableRead,
    non_learner: checks.nonLearner,
  };
  return async (path, query) => {
    switch (path) {
      case '/health':
        return health(checks, query);
      case '/metrics': {
        const { text, contentType } = await metrics();
        return { status: 200, contentType, body: text };
      }
      case '/version':
        return json(200, version());
    }
    return (
      (await probe('/livez', { path, query, checks: live })) ??
      (await probe('/readyz', { path, query, checks: ready })) ?? {
        status: 404,
        contentType: PLAIN,
        body: '404 page not found\n',
      }
    );
  };
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}

function version(): Record<string, string> {
  return { etcdserver: ETCD_VERSION, etcdcluster: STORAGE_VERSION, storage: STORAGE_VERSION };
}

async function health(checks: HealthChecks, query: URLSearchParams): Promise<HttpAnswer> {
  const excluded = new Set(query.getAll('exclude'));
  const alarm = checks.alarms().find((each) => !excluded.has(each));
  let reason = alarm === undefined ? '' : `ALARM ${alarm}`;
  if (reason === '') {
    const serializable = query.get('serializable') === 'true';
    const failure = await (serializable ? checks.serializableRead() : checks.linearizableRead());
    if (failure !== undefined) reason = `RANGE ERROR:${failure}`;
  }
  const healthy = reason === '';
  // etcd leaves the content type to Go's sniffing, which takes this for plain text; Go's errors end with a newline.
  const body = JSON.stringify({ health: String(healthy), reason });
  return healthy
    ? { status: 200, contentType: PLAIN, body }
    : { status: 503, contentType: PLAIN, body: `${body}\n` };
}

interface Probe {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly checks: Readonly<Record<string, Check>>;
}

/** `/livez` or `/readyz` with all its checks, or one of them by path; undefined when the path is neither. */
async function probe(root: string, { path, query, checks }: Probe): Promise<HttpAnswer | undefined> {
  let names = Object.keys(checks);
  if (path.startsWith(`${root}/`)) {
    const name = path.slice(root.length + 1);
    names = names.filter((each) => each === name);
    if (names.length === 0) return undefined;
  } else if (path === root) {
    const excluded = new Set(query.getAll('exclude'));
    names = names.filter((each) => !excluded.has(each));
  } else {
    return undefined;
  }
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
  if (!healthy) return { status: 503, contentType: PLAIN, body: `${report}\n` };
  return { status: 200, contentType: PLAIN, body: query.has('verbose') ? `${report}ok\n` : 'ok\n' };
}

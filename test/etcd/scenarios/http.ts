import type { Family, Probe } from './probe.ts';

const PATHS = [
  '/health', '/health?serializable=true', '/health?serializable=false', '/health?serializable=x',
  '/health?exclude=NOSPACE', '/health?exclude=unknown', '/health?exclude=', '/health?exclude=NOSPACE&exclude=CORRUPT',
  '/health/', '/livez', '/livez?verbose', '/livez?verbose=false', '/livez?exclude=serializable_read',
  '/livez?exclude=serializable_read&verbose', '/livez?exclude=unknown', '/livez?exclude=unknown&verbose', '/livez/',
  '/livez/serializable_read', '/livez/serializable_read?verbose', '/livez/linearizable_read', '/readyz', '/readyz?verbose',
  '/readyz?exclude=data_corruption&exclude=non_learner&verbose', '/readyz/data_corruption', '/readyz/serializable_read',
  '/readyz/linearizable_read?verbose', '/readyz/non_learner', '/readyz/unknown', '/readyz/unknown?verbose', '/nothing',
  '/', '/readyz?verbose&exclude=serializable_read&exclude=linearizable_read&exclude=data_corruption&exclude=non_learner',
]; // prettier-ignore

async function gets(probe: Probe): Promise<void> {
  for (const path of PATHS) {
    if (probe.older && path === '/livez/') continue;
    await probe.http(path);
  }
}

async function methods(probe: Probe): Promise<void> {
  for (const path of ['/health', '/livez', '/readyz', '/readyz/non_learner', '/readyz/nothing', '/nothing'])
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) await probe.http(path, method);
}

/** etcd serves it with the client API, Engram (whose client port speaks gRPC only) on the metrics listener. */
async function version(probe: Probe): Promise<void> {
  for (const method of ['GET', 'HEAD', 'POST']) {
    const response = await fetch(`${probe.versionUrl}/version`, { method });
    const text = (await response.text()).replaceAll(/\d+\.\d+\.\d+/g, 'N');
    probe.note(`${method} /version`, [response.status, response.headers.get('content-type'), text]);
  }
  const metrics = await fetch(`${probe.metricsUrl}/metrics`);
  await metrics.text();
  probe.note('/metrics', [metrics.status, metrics.headers.get('content-type')?.split(';')[0]]);
}

export const http: Family = { name: 'http', scenarios: { gets, methods, version } };

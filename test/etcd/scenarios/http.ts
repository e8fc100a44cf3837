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

/** What the client port tells besides the API. */
async function clientPort(probe: Probe): Promise<void> {
  for (const path of ['/version', '/debug/vars'])
    for (const method of ['GET', 'HEAD', 'POST']) {
      const response = await fetch(`${probe.clientUrl}${path}`, { method });
      const text = (await response.text()).replaceAll(/\d+\.\d+\.\d+/g, 'N');
      const shown =
        path === '/version' || method !== 'GET' ? text : Object.keys(JSON.parse(text) as object)[0];
      probe.note(`${method} ${path}`, [response.status, response.headers.get('content-type'), shown]);
    }
  for (const path of ['/version', '/debug/vars', '/v3/kv/range']) await probe.http(path);
  for (const method of ['GET', 'POST', 'HEAD']) {
    const scraped = await fetch(`${probe.metricsUrl}/metrics`, { method });
    await scraped.text();
    probe.note(`${method} /metrics`, [scraped.status, scraped.headers.get('content-encoding')]);
  }
  const metrics = await fetch(`${probe.metricsUrl}/metrics`);
  await metrics.text();
  probe.note('/metrics', [metrics.status, metrics.headers.get('content-type')?.split(';')[0]]);
}

export const http: Family = { name: 'http', scenarios: { gets, methods, clientPort } };

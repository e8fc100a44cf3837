/** Goal: what is not gRPC is found where etcd has it, by whom etcd lets in. Texts and headers are those of etcd 3.7.3. */
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FakeExchange, type FakeRequest } from '../../../test/support/fake-exchange.ts';
import { silentLogger } from '../../base/index.ts';
import type { HealthChecks } from './checks.ts';
import { clientHttp, metricsHttp, type ClientHttpOptions } from './handlers.ts';

const ok = (): Promise<undefined> => Promise.resolve(undefined);
const healthy: HealthChecks = {
  serializableRead: ok,
  linearizableRead: ok,
  dataCorruption: ok,
  nonLearner: ok,
  hasLeader: () => true,
  alarms: () => [],
};
const routes = {
  checks: healthy,
  healthAnswers: { healthy: 0, unhealthy: 0 },
  metrics: () => Promise.resolve({ text: 'a 1\n', contentType: 'text/metrics' }),
  logger: silentLogger,
};

async function client(request: FakeRequest, options: Partial<ClientHttpOptions> = {}): Promise<FakeExchange> {
  const exchange = new FakeExchange({ method: 'GET', ...request });
  clientHttp({
    ...routes,
    cors: ['*'],
    hostWhitelist: ['*'],
    gateway: (each, path) => each.respond(200, {}, `gateway ${path}`),
    debugVars: () => ({ cmdline: ['engram', 'a"b'], memstats: { Alloc: 1 } }),
    ...options,
  })(exchange);
  await exchange.done;
  return exchange;
}

async function metrics(request: FakeRequest): Promise<FakeExchange> {
  const exchange = new FakeExchange({ method: 'GET', ...request });
  metricsHttp(routes)(exchange);
  await exchange.done;
  return exchange;
}

const NOT_FOUND = {
  status: 404,
  text: '404 page not found\n',
  responseHeaders: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
};

describe('paths', () => {
  test.each(['/version', '/debug/vars', '/v3/kv/range', '/v3/', '/nothing', '/'])(
    '%s is not on the metrics port',
    async (path) => {
      expect(await metrics({ path })).toMatchObject(NOT_FOUND);
    },
  );

  test.each(['/health', '/metrics', '/livez', '/readyz', '/readyz/non_learner'])(
    '%s is on both',
    async (path) => {
      expect((await metrics({ path })).status).toBe(200);
      expect((await client({ path })).status).toBe(200);
    },
  );

  test('/version and /debug/vars tell clients', async () => {
    expect(await client({ path: '/version' })).toMatchObject({
      text: '{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}',
      responseHeaders: { 'content-type': 'application/json' },
    });
    expect(await client({ path: '/debug/vars' })).toMatchObject({
      text: '{\n"cmdline": ["engram","a\\"b"],\n"memstats": {"Alloc":1}\n}\n',
      responseHeaders: { 'content-type': 'application/json; charset=utf-8' },
    });
  });

  test.each([
    ['/v3/kv/range', 'gateway /v3/kv/range'],
    ['/v3/kv%2Fr%61nge', 'gateway /v3/kv/range'],
    ['/v3beta/kv/range', 'gateway /v3/kv/range'],
    ['/v3beta/', 'gateway /v3/'],
  ])('%s is the gateway', async (path, text) => {
    expect((await client({ path, method: 'POST' })).text).toBe(text);
  });

  test.each([
    ['/v3', '/v3/'],
    ['//health', '/health'],
    ['/./health', '/health'],
    ['/v3/kv/../kv//range', '/v3/kv/range'],
    ['/..', '/'],
    ['/v3/a/./', '/v3/a/'],
    ['//%0d%0aset-cookie:x', '/%0D%0Aset-cookie:x'],
    ['//a%3fb%23%25', '/a%3Fb%23%25'],
  ])('%s is redirected to %s', async (path, location) => {
    const get = await client({ path, query: 'a=<b>' });
    expect(get).toMatchObject({
      status: 307,
      text: `<a href="${location}?a=&#60;b&#62;">Temporary Redirect</a>.\n\n`,
    });
    expect(get.responseHeaders['location']).toBe(`${location}?a=<b>`);
    expect(await client({ path, method: 'POST' })).toMatchObject({ status: 307, text: '' });
  });

  test('without a gateway nothing is below /v3/', async () => {
    for (const path of ['/v3', '/v3/', '/v3/kv/range', '/v3beta/kv/range']) {
      expect(await client({ path }, { gateway: undefined })).toMatchObject(NOT_FOUND);
    }
  });

  test('what is no path is a bad request', async () => {
    for (const path of ['/%', '/%z1', '/a%2', '*']) {
      expect(await client({ path })).toMatchObject({ status: 400, text: '400 Bad Request' });
    }
    expect(await client({ path: '*', method: 'OPTIONS' })).toMatchObject({ status: 200, text: '' });
  });
});

test('a member without a leader is not healthy, but for serializable reads', async () => {
  const checks = { ...healthy, hasLeader: () => false };
  expect(await client({ path: '/health' }, { checks })).toMatchObject({
    status: 503,
    text: '{"health":"false","reason":"RAFT NO LEADER"}\n',
  });
  expect(await client({ path: '/health', query: 'serializable=true' }, { checks })).toMatchObject({
    status: 200,
  });
  const alarmed = { ...checks, alarms: () => ['NOSPACE'] };
  expect(await client({ path: '/health' }, { checks: alarmed })).toMatchObject({
    text: '{"health":"false","reason":"ALARM NOSPACE"}\n',
  });
  for (const path of ['/livez', '/readyz']) {
    expect(await client({ path }, { checks })).toMatchObject({ status: 200 });
  }
});

test('each answer of /health is counted, by what it says', async () => {
  const healthAnswers = { healthy: 0, unhealthy: 0 };
  const checks = { ...healthy, hasLeader: () => false };
  await client({ path: '/health' }, { healthAnswers });
  await client({ path: '/health' }, { healthAnswers, checks });
  await client({ path: '/health', query: 'serializable=true' }, { healthAnswers, checks });
  await client({ path: '/livez' }, { healthAnswers });
  expect(healthAnswers).toEqual({ healthy: 2, unhealthy: 1 });
});

describe('methods', () => {
  test.each(['/health', '/livez', '/readyz/data_corruption'])('%s is only for GET', async (path) => {
    for (const method of ['POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      expect(await metrics({ path, method })).toMatchObject({
        status: 405,
        text: 'Method Not Allowed\n',
        responseHeaders: { allow: 'GET', 'x-content-type-options': 'nosniff' },
      });
    }
  });

  test('/metrics is for any', async () => {
    for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS']) {
      expect(await metrics({ path: '/metrics', method })).toMatchObject({
        status: 200,
        text: 'a 1\n',
        responseHeaders: { 'content-type': 'text/metrics' },
      });
    }
  });
});

test.each([
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['zgzip', false],
  ['', false],
])('metrics for a client that accepts "%s"', async (accepts, isCompressed) => {
  const { responseHeaders, parts } = await metrics({
    path: '/metrics',
    headers: { 'accept-encoding': accepts },
  });
  const body = Buffer.concat(parts);
  expect(responseHeaders['content-encoding']).toBe(isCompressed ? 'gzip' : undefined);
  expect((isCompressed ? gunzipSync(body) : body).toString()).toBe('a 1\n');
});

test('a check that breaks is an error of the server', async () => {
  const checks = { ...healthy, linearizableRead: () => Promise.reject(new Error('a bug')) };
  expect(await client({ path: '/health' }, { checks })).toMatchObject({
    status: 500,
    text: 'Internal Server Error\n',
  });
});

describe('CORS', () => {
  const allowed = (origin: string): Record<string, string> => ({
    'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'access-control-allow-origin': origin,
    'access-control-allow-headers': 'accept, content-type, authorization',
  });

  test('lets all pages read everything unless told otherwise', async () => {
    for (const cors of [['*'], []]) {
      for (const path of ['/health', '/v3/x', '/nothing']) {
        expect((await client({ path }, { cors })).responseHeaders).toMatchObject(allowed('*'));
      }
    }
  });

  test('with origins, lets only those', async () => {
    const cors = ['https://a.example', 'http://b.example:80'];
    const of = async (origin: string): Promise<unknown> =>
      (await client({ path: '/health', headers: { origin } }, { cors })).responseHeaders;
    expect(await of('https://a.example')).toMatchObject(allowed('https://a.example'));
    expect(await of('https://c.example')).not.toHaveProperty('access-control-allow-origin');
    expect((await client({ path: '/health' }, { cors })).responseHeaders).not.toHaveProperty(
      'access-control-allow-origin',
    );
  });

  test('OPTIONS is answered for every path', async () => {
    for (const path of ['/v3/kv/range', '/nothing', '/v3']) {
      const exchange = await client({ path, method: 'OPTIONS' });
      expect(exchange).toMatchObject({ status: 200, text: '', responseHeaders: allowed('*') });
    }
  });
});

describe('the host whitelist', () => {
  const hostWhitelist = ['good.example', '::1'];
  const REFUSED = `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist "bad.example"

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).

`;

  test.each(['good.example', 'good.example:2379', '[::1]:2379', 'good.example:'])(
    'lets %s in',
    async (host) => {
      expect((await client({ path: '/health', host }, { hostWhitelist })).status).toBe(200);
    },
  );

  test.each([
    'bad.example',
    'bad.example:80',
    '[::1]',
    '',
    'good.example:a:b',
    'x.good.example',
    'GOOD.example',
  ])('refuses "%s"', async (host) => {
    for (const method of ['GET', 'OPTIONS']) {
      const exchange = await client({ path: '/v3/x', host, method }, { hostWhitelist });
      expect(exchange.status).toBe(421);
      expect(exchange.responseHeaders).toEqual(NOT_FOUND.responseHeaders);
      if (host.startsWith('bad')) expect(exchange.text).toBe(REFUSED);
    }
  });

  test('does not matter over TLS, for metrics, or when it is empty', async () => {
    const host = 'bad.example';
    expect((await client({ path: '/health', host, secure: true }, { hostWhitelist })).status).toBe(200);
    expect((await metrics({ path: '/health', host })).status).toBe(200);
    expect((await client({ path: '/health', host }, { hostWhitelist: [] })).status).toBe(200);
  });

  test('what no host can be is a bad request', async () => {
    for (const host of ['a"b', 'a b', 'a/b', 'ä']) {
      const exchange = await client({ path: '/health', host });
      expect(exchange).toMatchObject({ status: 400, text: '400 Bad Request: malformed Host header' });
    }
  });
});

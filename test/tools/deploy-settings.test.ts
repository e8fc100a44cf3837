/**
 * Goal: what `deploy/` and the documents tell a server to do is something that it can do. Method: every command line,
 * config file and variable in them is read by the program's own configuration, and ports, probes, metrics and alerts are
 * compared with what the program has.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSettings, type Settings } from '../../src/config/index.ts';
import { SCHEMA, environmentName } from '../../src/config/schema.ts';
import { serve, type RunningServer } from '../../src/index.ts';
import { codeOf, kubernetesFiles, read, yamlFile, yamlOf } from '../deploy/files.ts';
import { deployedServers, isEngram, podOf } from '../deploy/servers.ts';
import type { KubeObject, PodSpec, Probe, Rule, Rules } from '../deploy/shapes.ts';

const servers = deployedServers();
const documents = ['deploy/README.md', 'docs/operations.md'];
const ports = { client: 2379, peer: 2380, metrics: 2381 };
const alertsFile = 'deploy/kubernetes/components/monitoring/alerts.yaml';

async function settingsOf({ args, environment }: (typeof servers)[number]): Promise<Settings> {
  const { settings, warnings } = await readSettings({ args, environment });
  expect(warnings).toEqual([]);
  return settings;
}

const portsOf = (urls: readonly string[] | undefined): number[] =>
  (urls ?? []).map((url) => Number(new URL(url).port));

test('every kind of deployment is found', () => {
  const kinds = [
    'kubernetes/base',
    'kubeadm/engram.yaml',
    'kubeadm/engram-tikv.yaml',
    'engram-3',
    'Dockerfile',
  ];
  for (const kind of [...kinds, 'systemd/engram.yaml', 'systemd/engram-tikv.yaml', 'README.md: docker run']) {
    expect(
      servers.some(({ where }) => where.includes(kind)),
      kind,
    ).toBe(true);
  }
});

test.each(servers.map((server) => [server.where, server] as const))(
  'the settings are known, valid and make sense together: %s',
  async (_where, server) => {
    await settingsOf(server);
  },
);

test('servers of a cluster have names of their own, ports that belong together, and TLS where they leave a machine', async () => {
  for (const server of servers.filter(({ where }) => !/README|Dockerfile/.test(where))) {
    const settings = await settingsOf(server);
    expect(settings.name, server.where).not.toBe('default');
    expect(new Set(portsOf(settings.listenClientUrls)), server.where).toEqual(new Set([ports.client]));
    expect(portsOf(settings.listenMetricsUrls), server.where).toEqual([ports.metrics]);
    expect(portsOf(settings.advertiseClientUrls), server.where).toEqual([ports.client]);
    if (settings.engine === 'tikv') {
      expect(portsOf(settings.listenPeerUrls), server.where).toEqual([ports.peer]);
      expect(portsOf(settings.initialAdvertisePeerUrls), server.where).toEqual([ports.peer]);
    }
    if (server.where.includes('compose')) continue;
    expect(settings.trustedCaFile, server.where).toBeDefined();
    expect([...settings.listenClientUrls, ...settings.listenPeerUrls].join(), server.where).not.toContain(
      'http:',
    );
  }
  const composed = servers.filter(({ where }) => where.includes('compose'));
  const names = await Promise.all(composed.map(async (server) => (await settingsOf(server)).name));
  expect(new Set(names).size).toBe(3);
});

test('pods do without the variables of services, which look like settings', () => {
  expect(pods().length).toBeGreaterThan(2);
  for (const { path, pod } of pods()) expect(pod.enableServiceLinks, path).toBe(false);
});

describe('what the documents say', () => {
  const rows = new Map<string, (typeof SCHEMA)[keyof typeof SCHEMA]>(
    Object.values(SCHEMA).map((row) => [row.flag, row]),
  );
  // Flags of other programs that the text names in passing.
  const foreign = ['etcd-servers-overrides', 'etcd-compaction-interval', 'etcd-upgrade'];

  test.each(documents)('every flag in a sentence exists and takes the value shown: %s', (path) => {
    const spans = codeOf(read(path)).spans.filter((span) => span.startsWith('--'));
    expect(spans.length).toBeGreaterThan(0);
    for (const span of spans) {
      const [, flag, value] = /^--([a-z0-9-]+)(?:=(\S+))?$/.exec(span) ?? [];
      if (foreign.includes(flag!)) continue;
      const row = rows.get(flag!);
      expect(row, `${span} in ${path}`).toBeDefined();
      if (value !== undefined) expect(() => row?.type.parse(value), span).not.toThrow();
    }
  });

  test('the variables of the compose file and of the image are settings', () => {
    const known = new Set(Object.values(SCHEMA).map((row) => environmentName(row.flag)));
    const named = [read('deploy/compose.yaml'), read('deploy/Dockerfile')].flatMap(
      (text) => text.match(/\bENGRAM_[A-Z_]+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('metrics', () => {
  let server: RunningServer;
  let exported: Set<string>;
  let text: string;

  beforeAll(async () => {
    server = await serve({
      engine: 'memory',
      listenClientUrls: ['http://127.0.0.1:0'],
      listenMetricsUrls: ['http://127.0.0.1:0'],
    });
    text = await (await fetch(`${server.metricsUrls[0]}/metrics`)).text();
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    exported = new Set(
      families.flatMap(([, name, kind]) =>
        kind === 'histogram' ? [name!, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name!],
      ),
    );
  });

  afterAll(() => server.close());

  const namesIn = (text: string): string[] =>
    text.match(/\b(?:etcd|engram|grpc|process|nodejs)_[a-z0-9_]+\b/g) ?? [];

  test('every metric of an alert is exported', () => {
    const names = rules().flatMap(({ expr }) => namesIn(expr));
    expect(names.length).toBeGreaterThan(10);
    const labels = ['grpc_code', 'grpc_method'];
    expect(names.filter((name) => !exported.has(name) && !labels.includes(name))).toEqual([]);
  });

  test('every alarm that an alert looks at is one that is exported', () => {
    const samples = rules().flatMap(({ expr }) => expr.match(/engram_alarms\{.*?\}/g) ?? []);
    expect(samples.length).toBeGreaterThan(1);
    for (const sample of samples) expect(text).toContain(`${sample.replace('job="engram", ', '')} 0\n`);
  });

  test.each(documents)('every metric that a document names is exported: %s', (path) => {
    const names = codeOf(read(path)).spans.filter((span) => /^[a-z]+_[a-z0-9_]+$/.test(span));
    expect(names.filter((name) => !exported.has(name))).toEqual([]);
  });

  test('every probe path is served, and answers', async () => {
    const paths = new Set<string>();
    for (const probe of probes()) paths.add(probe.httpGet.path);
    for (const text of [read('deploy/Dockerfile'), read('deploy/compose.yaml')]) {
      for (const [, port, path] of text.matchAll(/127\.0\.0\.1:(\d+)(\/[a-z]+)'/g)) {
        expect(Number(port)).toBe(ports.metrics);
        paths.add(path!);
      }
    }
    expect([...paths].sort()).toEqual(['/livez', '/readyz']);
    for (const path of paths) expect((await fetch(`${server.metricsUrls[0]}${path}`)).status).toBe(200);
  });

  test('every alert is explained, and every explained alert exists', () => {
    const alerts = rules().map(({ alert }) => alert);
    const explained = [...read('docs/operations.md').matchAll(/^\| `(Engram\w+)` \|/gm)].map(
      (match) => match[1],
    );
    expect(new Set(alerts).size).toBe(alerts.length);
    expect(explained).toEqual(alerts);
  });

  test('alerts are well formed', () => {
    for (const { alert, expr, labels, annotations } of rules()) {
      expect(expr.split('(').length, alert).toBe(expr.split(')').length);
      expect(expr, alert).toContain('job="engram"');
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity);
      expect(annotations.summary.length, alert).toBeGreaterThan(10);
    }
  });
});

function rules(): Rule[] {
  return yamlOf<Rules>(alertsFile).spec.groups.flatMap((group) => group.rules);
}

/** Those that run the server. */
function pods(): { readonly path: string; readonly pod: PodSpec }[] {
  return kubernetesFiles().flatMap((path) =>
    yamlFile<KubeObject>(path)
      .map(podOf)
      .filter((pod) => pod?.containers.some(isEngram) === true)
      .map((pod) => ({ path, pod: pod as PodSpec })),
  );
}

function probes(): Probe[] {
  return pods()
    .flatMap(({ pod }) => pod.containers)
    .flatMap((each) => [each.startupProbe, each.livenessProbe, each.readinessProbe]);
}

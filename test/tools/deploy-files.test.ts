/**
 * Goal: the files of `deploy/` are what their tools take, as far as that can be told without running them. Method: by the
 * tools where they are there (kubectl kustomize, systemd-analyze, openssl), and by their rules where they are not
 * (Dockerfile, compose). The schemas of Kubernetes are checked by a real API server (test/kubernetes/manifests.ts).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { toolPath } from '../../scripts/tools.ts';
import { readSettings } from '../../src/config/index.ts';
import { deployFiles, parseYaml, read, root, yamlFile, yamlOf } from '../deploy/files.ts';
import { isEngram, literalsOf, podOf, serversOfPods } from '../deploy/servers.ts';
import type { Compose, KindCluster, KubeadmCluster, KubeObject } from '../deploy/shapes.ts';

const temporary = mkdtempSync(join(tmpdir(), 'engram-deploy-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
/** Part of the name of a test that needs a program, so that a run without it shows why. */
const needs = (program: string, isThere: boolean): string =>
  isThere ? '' : ` (SKIPPED: ${program} is missing)`;

// Looked for and not built here: that takes minutes.
const kustomize =
  (await toolPath('kubectl', { build: false })) ??
  (spawnSync('kubectl', ['kustomize', '--help']).status === 0 ? 'kubectl' : undefined);

test('every YAML file parses, without a key twice', () => {
  const files = deployFiles(/\.ya?ml$/);
  expect(files.length).toBeGreaterThan(15);
  for (const path of files)
    expect(
      yamlFile(path).filter((each) => each === null),
      path,
    ).toEqual([]);
});

test('no file of a deployment takes an image by a name that moves', () => {
  const texts = [...deployFiles(/\.yaml$/), 'deploy/Dockerfile'].map((path) => [path, read(path)] as const);
  for (const [path, text] of texts) {
    const images = [...text.matchAll(/^\s*(?:image: |ARG NODE=)(\S+)$/gm)].map((match) => match[1]!);
    for (const image of images) expect(image, path).toMatch(/:v?\d+\.\d+\.\d+(-[\w-]+)?$/);
  }
});

describe('Dockerfile', () => {
  const text = read('deploy/Dockerfile').replaceAll(/\\\n\s*/g, '');
  const steps = text.split('\n').filter((line) => /^[A-Z]+ /.test(line));
  const allowed = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));

  test('what it copies exists, and .dockerignore lets it in and nothing else', () => {
    const copied = steps
      .filter((step) => step.startsWith('COPY ') && !step.includes('--from='))
      .flatMap((step) => step.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(8);
    for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
    expect(new Set(allowed)).toEqual(new Set(copied));
    expect(read('.dockerignore')).toMatch(/^\*$/m);
  });

  test('what is copied between stages comes from a stage that is there', () => {
    const stages = steps
      .filter((step) => step.startsWith('FROM '))
      .map((step) => / AS (\w+)$/.exec(step)?.[1]);
    const from = [...text.matchAll(/--from=(\w+)/g)].map((match) => match[1]);
    expect(from.sort()).toEqual(stages.filter((name) => name !== undefined).sort());
  });

  test('what the published package holds, and what it needs, is in the image', () => {
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    const last = steps.slice(steps.findLastIndex((step) => step.startsWith('FROM ')));
    const targets = last.filter((step) => step.startsWith('COPY ')).map((step) => step.split(/\s+/).at(-1));
    expect(targets).toEqual(expect.arrayContaining([...files, 'node_modules']));
  });

  test('it runs as a user that is not root, is probed, and ends by its own handling of signals', () => {
    expect(steps).toContain('USER 1000:1000');
    expect(steps.some((step) => /^HEALTHCHECK .*CMD \[/.test(step))).toBe(true);
    // The exec form: a shell as process 1 would keep SIGTERM to itself.
    expect(
      steps.some((step) => /^ENTRYPOINT \["node", "\/opt\/engram\/dist\/cli\/main\.js"\]$/.test(step)),
    ).toBe(true);
    expect(steps).toContain('EXPOSE 2379 2380 2381');
  });
});

describe('compose', () => {
  const compose = yamlOf<Compose>('deploy/compose.yaml');
  const services = Object.entries(compose.services);
  const keys =
    `build cap_drop command depends_on environment healthcheck image mem_limit ports read_only restart
    security_opt stop_grace_period ulimits volumes`.split(/\s+/);

  test('3 placement drivers, 3 TiKV, 3 Engram', () => {
    const images = services.map(([, { image }]) => image.replace(/^.*\/|:.*$/g, ''));
    for (const kind of ['pd', 'tikv', 'engram'])
      expect(images.filter((each) => each === kind).length, kind).toBe(3);
  });

  test('only keys of the compose specification, and what is referenced is there', () => {
    const top = Object.keys(compose).filter((key) => !key.startsWith('x-'));
    expect(top.sort()).toEqual(['name', 'services', 'volumes']);
    const used = new Set<string>();
    for (const [name, service] of services) {
      expect(
        Object.keys(service).filter((key) => !keys.includes(key)),
        name,
      ).toEqual([]);
      for (const other of service.depends_on ?? []) expect(compose.services, name).toHaveProperty([other]);
      for (const mount of service.volumes ?? []) used.add(mount.split(':')[0]!);
    }
    expect([...used].sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  test('every service is probed, in a form that compose takes', () => {
    const duration = /^(\d+(ms|s|m|h))+$/;
    for (const [name, { healthcheck }] of services) {
      expect(['CMD', 'CMD-SHELL'], name).toContain(healthcheck.test[0]);
      expect(
        healthcheck.test.every((each) => typeof each === 'string'),
        name,
      ).toBe(true);
      for (const key of ['interval', 'timeout', 'start_period'] as const) {
        if (healthcheck[key] !== undefined) expect(healthcheck[key], `${name} ${key}`).toMatch(duration);
      }
      expect(Number.isInteger(healthcheck.retries), name).toBe(true);
    }
  });

  test('names of members and addresses agree: each service speaks of itself, and all of the same members', () => {
    const names = services.map(([name]) => name);
    for (const [name, service] of services) {
      const text = service.command.join(' ');
      for (const [, own] of text.matchAll(/advertise-[a-z-]*=(?:http:\/\/)?([a-z0-9-]+):/g))
        expect(own, name).toBe(name);
      const all = [text, ...Object.values(service.environment ?? {})].join(' ');
      for (const [host] of all.matchAll(/\b(?:pd|tikv|engram)-\d\b/g)) expect(names, name).toContain(host);
    }
    const published = services.flatMap(([, { ports }]) => ports ?? []);
    expect(published.every((each) => /^127\.0\.0\.1:\d+:2379$/.test(each))).toBe(true);
    expect(new Set(published).size).toBe(3);
  });
});

describe('Kubernetes', () => {
  const build = (directory: string): KubeObject[] =>
    parseYaml(execFileSync(kustomize!, ['kustomize', directory], { encoding: 'utf8' }), directory);

  const withKubectl = test.skipIf(kustomize === undefined);
  const missing = needs('kubectl', kustomize !== undefined);

  withKubectl(`the base builds, and its parts fit together${missing}`, () => {
    fitsTogether(build(join(root, 'deploy/kubernetes/base')));
  });

  withKubectl(`the overlay builds, with all components it names, in one namespace${missing}`, async () => {
    const directory = 'deploy/kubernetes/overlays/existing-tikv';
    const documents = build(join(root, directory));
    fitsTogether(documents);
    expect(documents.map(({ metadata }) => metadata.namespace)).toEqual(documents.map(() => 'engram'));
    const kinds = new Set(documents.map(({ kind }) => kind));
    for (const kind of ['Certificate', 'ServiceMonitor', 'PrometheusRule', 'NetworkPolicy'])
      expect(kinds).toContain(kind);
    const literals = literalsOf(yamlOf(`${directory}/kustomization.yaml`));
    for (const { args, environment } of serversOfPods(documents, directory, literals)) {
      expect((await readSettings({ args, environment })).settings.tikvPd).toEqual(['tikv-pd.tikv.svc:2379']);
    }
    // The certificates of the component are the secrets that the pods mount.
    const secrets = documents.filter(({ kind }) => kind === 'Certificate').map(({ spec }) => spec.secretName);
    expect(secrets).toEqual(expect.arrayContaining(['engram-server-tls', 'engram-peer-tls']));
  });

  withKubectl(
    `the component for TLS to TiKV gives flags and files that belong together${missing}`,
    async () => {
      const directory = join(temporary, 'tikv-tls');
      mkdirSync(directory);
      const from = (path: string): string => relative(directory, join(root, 'deploy/kubernetes', path));
      const kustomization = { resources: [from('base')], components: [from('components/tikv-tls')] };
      writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
      const documents = build(directory);
      fitsTogether(documents);
      const [server] = serversOfPods(documents, directory, { 'tikv-pd': 'pd:2379', keyspace: 'default' });
      const { settings } = await readSettings({ args: server!.args, environment: server!.environment });
      expect(settings).toMatchObject({
        tikvCacert: '/etc/engram/tikv/ca.crt',
        tikvKey: '/etc/engram/tikv/tls.key',
      });
    },
  );

  /** Ports, selectors, volumes and names that refer to one another do so rightly. */
  function fitsTogether(objects: readonly KubeObject[]): void {
    const { spec: set } = objects.find(({ kind }) => kind === 'StatefulSet')!;
    const named = (wanted: string): string[] =>
      objects.filter(({ kind }) => kind === wanted).map(({ metadata }) => metadata.name);
    expect(set.replicas).toBe(3);
    expect(named('Service')).toContain(set.serviceName);
    const { metadata, spec } = set.template!;
    const container = spec.containers.find(isEngram)!;
    const ports = new Map(container.ports.map((each) => [each.name, each.containerPort]));
    expect(Object.fromEntries(ports)).toEqual({ client: 2379, peer: 2380, metrics: 2381 });
    for (const { kind, spec: own } of objects) {
      if (kind === 'Service') {
        expect(metadata.labels).toMatchObject(own.selector);
        for (const { port, targetPort } of own.ports) expect(ports.get(targetPort)).toBe(port);
      }
      if (kind === 'PodDisruptionBudget')
        expect({ matchLabels: metadata.labels }).toMatchObject(own.selector);
      if (kind === 'NetworkPolicy') expect({ matchLabels: metadata.labels }).toMatchObject(own.podSelector);
    }
    const mounts = container.volumeMounts;
    expect(mounts.map((each) => each.name)).toEqual(spec.volumes.map((each) => each.name));
    for (const argument of container.args) {
      const path = /=(\/etc\/\S+)$/.exec(argument)?.[1];
      if (path === undefined) continue;
      expect(
        mounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`)),
        argument,
      ).toBe(true);
    }
    const maps = (container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.configMapKeyRef?.name ?? []);
    expect(new Set(maps)).toEqual(new Set(named('ConfigMap')));
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect(ports.get(probe.httpGet.port)).toBe(2381);
    }
  }

  test.each(['deploy/kubeadm/engram.yaml', 'deploy/kubeadm/engram-tikv.yaml'])(
    "the static pod has kubeadm's labels, probes, ports and certificates: %s",
    (path) => {
      const object = yamlOf<KubeObject>(path);
      // cmd/kubeadm/app/phases/etcd/local.go and util/staticpod/utils.go of Kubernetes 1.37.
      expect(object.metadata.labels).toEqual({ component: 'etcd', tier: 'control-plane' });
      const { containers, volumes, hostNetwork } = podOf(object)!;
      expect(hostNetwork).toBe(true);
      const container = containers[0]!;
      const get = { host: '127.0.0.1', port: 'probe-port', scheme: 'HTTP' };
      const probe = { timeoutSeconds: 15 };
      expect(container.livenessProbe).toEqual({
        ...{ ...probe, httpGet: { ...get, path: '/livez' }, initialDelaySeconds: 10, failureThreshold: 8 },
        periodSeconds: 10,
      });
      const ready = { ...probe, httpGet: { ...get, path: '/readyz' } };
      expect(container.readinessProbe).toEqual({ ...ready, periodSeconds: 1, failureThreshold: 3 });
      expect(container.startupProbe).toEqual({
        ...{ ...ready, initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 24 },
      });
      const paths = volumes.map((each) => each.hostPath?.path);
      expect(paths).toContain('/etc/kubernetes/pki/etcd');
      expect(container.volumeMounts.map((each) => each.mountPath)).toEqual(paths);
    },
  );
});

test('what kubeadm, k3s and kind are told leads to the client port over TLS', () => {
  const { external } = yamlFile<KubeadmCluster>('deploy/kubeadm/tikv.yaml')[1]!.etcd;
  const k3s = yamlOf<Record<string, string>>('deploy/k3s/config.yaml');
  const node = yamlOf<KindCluster>('deploy/kind/kind.yaml').nodes[0]!;
  const [patch] = parseYaml<KubeadmCluster>(node.kubeadmConfigPatches[0]!, 'the patch of kind.yaml');
  const inKind = patch!.etcd.external;
  const endpoints = [...external.endpoints, ...k3s['datastore-endpoint']!.split(','), ...inKind.endpoints];
  expect(endpoints.length).toBe(7);
  for (const each of endpoints) expect(each).toMatch(/^https:\/\/[\w.]+:2379$/);
  const mount = node.extraMounts[0]!.containerPath;
  for (const file of [inKind.caFile, inKind.certFile, inKind.keyFile]) {
    expect(file.startsWith(`${mount}/`)).toBe(true);
  }
});

describe('systemd', () => {
  const unit = read('deploy/systemd/engram.service');

  test('the unit waits as the program starts, and lets it have the files that it bounds itself by', () => {
    expect(unit).toMatch(/^Type=exec$/m);
    expect(unit).toMatch(/^LimitNOFILE=\d{5,}$/m);
    expect(unit).toMatch(/^Restart=on-failure$/m);
    // V8 writes the code that it runs.
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute/m);
  });

  const verifies = has('systemd-analyze');
  test.skipIf(!verifies)(`systemd-analyze verifies the unit${needs('systemd-analyze', verifies)}`, () => {
    const path = join(temporary, 'engram.service');
    // It looks for the program, which is elsewhere in tests.
    writeFileSync(path, unit.replace('/usr/bin/node', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
  });
});

describe('certificates.sh', () => {
  const works = has('openssl') && has('bash');

  test.skipIf(!works)(`makes what servers, clients and peers need${needs('openssl or bash', works)}`, () => {
    const directory = join(temporary, 'tls');
    const make = (): void => {
      execFileSync('bash', [
        join(root, 'deploy/certificates.sh'),
        directory,
        'engram',
        '192.0.2.10',
        '2001:db8::1',
      ]);
    };
    make();
    const of = (name: string): X509Certificate =>
      new X509Certificate(readFileSync(join(directory, `${name}.crt`)));
    const [ca, peers, server, client, peer] = ['ca', 'peer-ca', 'server', 'client', 'peer'].map(of);
    for (const each of [server!, client!])
      expect([each.verify(ca!.publicKey), each.verify(peers!.publicKey)]).toEqual([true, false]);
    expect([peer!.verify(ca!.publicKey), peer!.verify(peers!.publicKey)]).toEqual([false, true]);
    for (const each of [server!, peer!]) {
      expect([each.checkHost('engram'), each.checkHost('localhost')]).toEqual(['engram', 'localhost']);
      expect([each.checkIP('192.0.2.10'), each.checkIP('127.0.0.1')]).toEqual(['192.0.2.10', '127.0.0.1']);
      expect(each.checkHost('other')).toBeUndefined();
    }
    const uses = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
    expect([server!, client!, peer!].map(({ keyUsage }) => keyUsage)).toEqual([
      [uses.server],
      [uses.client],
      [uses.server, uses.client],
    ]);
    for (const name of ['ca', 'server', 'peer'])
      expect(statSync(join(directory, `${name}.key`)).mode & 0o077).toBe(0);
    const before = server!.fingerprint256;
    make();
    expect(of('server').fingerprint256, 'what is there is kept').toBe(before);
  });
});

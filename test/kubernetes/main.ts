/**
 * A real, unmodified kube-apiserver and kubectl 1.37.0, and etcdctl, on Engram over mutual TLS, as kubeadm sets it up.
 * `npm run test:kubernetes -- [--short] [--plain] [--engine tikv]`; the short form has 1,000 objects instead of 5,000, the
 * plain one no TLS between the API server and Engram; on TiKV means on a test cluster of three stores.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../scripts/tools.ts';
import { run } from '../support/process.ts';
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import * as checks from './checks.ts';
import { tikvFlags } from '../crash/tikv.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';
import { ControlPlane } from './control-plane.ts';
import { Etcdctl } from './etcdctl.ts';
import { unexplainedErrors } from './log-allow-list.ts';
import { manifestsAreTaken } from './manifests.ts';
import { watchAcross } from './watches.ts';

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  plain: { type: 'boolean', default: false },
  engine: { type: 'string', default: 'level' },
});
const kubernetes = suite('test:kubernetes');
const tools = await Promise.all(
  (['kube-apiserver', 'kubectl', 'etcdctl'] as const).map((name) => findTool(name)),
);
const missing = tools.find((tool) => tool.kind === 'missing');

if (missing?.kind === 'missing') kubernetes.skip('kube-apiserver on Engram', missing.reason);
else await runAll(tools.map((tool) => (tool.kind === 'found' ? tool.path : '')));
kubernetes.finish();

async function runAll([apiserver, kubectl, etcdctl]: readonly string[]): Promise<void> {
  const cluster = values.engine === 'tikv' ? await FixtureCluster.start({ stores: 3 }) : undefined;
  const engine = cluster === undefined ? [] : tikvFlags(cluster.pd, { keyspace: 'kubernetes' });
  const plane = await ControlPlane.create(apiserver!, { tls: !values.plain, engine });
  const { check } = kubernetes;
  plane.startEngram();
  plane.startApiserver();
  try {
    const api = await plane.ready();
    await check('create, update, patch, delete and conflicts of built-in resources', () =>
      checks.builtInResources(api),
    );
    await check('the same of custom resources', () => checks.customResources(api));
    await check('promise 4: pages of a list are pinned at one revision', () => checks.pinnedPages(api));
    await check('coordination leases', () => checks.coordinationLeases(api));
    await check('events vanish after their TTL, not before', () => checks.eventsVanish(api));
    await check('many objects and delete-collection', () =>
      checks.manyObjects(api, values.short ? 1_000 : 5_000),
    );
    await check('kubectl: apply, get, delete', () => useKubectl(plane, kubectl!));
    await check('the manifests of deploy/ are taken, in a dry run', async () => {
      await manifestsAreTaken({ kubectl: kubectl!, flags: kubectlFlags(plane) });
    });
    await check('consistent reads are served from the cache', () => checks.consistentReadsFromCache(api));
    await check('promise 5: a watch across a restart of the API server', () => acrossApiserver(plane));
    await check('promises 1 and 5: a watch across a kill -9 of Engram', () => acrossEngram(plane));
    const ctl = new Etcdctl(etcdctl!, plane.endpoint, plane.etcdctlFlags);
    await check('etcdctl put, get, del, txn', () => ctl.keys());
    await check('etcdctl watch', () => ctl.watches(join(plane.directory, 'watch.log')));
    await check('etcdctl lease', () => ctl.leases());
    await check('etcdctl compaction, status, health, hashkv, defrag, alarm, member', () => ctl.maintenance());
    await check('etcdctl check perf', async () => {
      print(`   ${await ctl.performance(plane.directory)}`);
    });
    await check('no error in the log of kube-apiserver but the allowed ones', () => {
      assert.deepEqual(unexplainedErrors(readFileSync(plane.apiLog, 'utf8')), []);
      return Promise.resolve();
    });
  } catch (error) {
    await check('kube-apiserver becomes ready', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    await plane.stop();
    await cluster?.close();
    print(`logs are in ${plane.directory}`);
  }
}

async function acrossApiserver(plane: ControlPlane): Promise<void> {
  await watchAcross(await plane.ready(), 'restart', async () => {
    await plane.stopApiserver();
    plane.startApiserver();
    await plane.ready();
  });
}

async function acrossEngram(plane: ControlPlane): Promise<void> {
  await watchAcross(await plane.ready(), 'killed', async () => {
    await plane.killEngram();
    plane.startEngram();
  });
}

/** What kubectl needs to reach the API server as an administrator. */
function kubectlFlags({ apiUrl, certificate, token }: ControlPlane): readonly string[] {
  return ['--server', apiUrl, '--certificate-authority', certificate, '--token', token];
}

async function useKubectl(plane: ControlPlane, kubectl: string): Promise<void> {
  const flags = kubectlFlags(plane);
  const use = async (args: readonly string[], input = '') => {
    const { code, stdout, stderr } = await run(kubectl, [...flags, ...args], { input });
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubectl}\ndata: {a: "1"}\n';
  assert.match(await use(['apply', '-f', '-'], manifest), /configmap\/kubectl created/);
  assert.match(
    await use(['apply', '-f', '-'], manifest.replace('"1"', '"2"')),
    /configmap\/kubectl configured/,
  );
  assert.equal(await use(['get', 'configmap', 'kubectl', '-o', 'jsonpath={.data.a}']), '2');
  assert.match(await use(['delete', 'configmap', 'kubectl']), /deleted/);
}

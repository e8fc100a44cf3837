import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { run } from '../support/process.ts';

const deploy = join(import.meta.dirname, '..', '..', 'deploy');

/** Groups that a bare API server does not have: their objects are checked by structure only (test/tools). */
const foreignGroups = /^(cert-manager\.io|monitoring\.coreos\.com)\//;

export interface ManifestsOptions {
  readonly kubectl: string;
  /** What kubectl needs to reach the API server as an administrator. */
  readonly flags: readonly string[];
}

/**
 * The manifests of `deploy/` as a real API server takes them, in a dry run: every field known (strict), every value valid,
 * and the pods of the StatefulSet within Pod Security's `restricted`. Gives how many objects were looked at.
 */
export async function manifestsAreTaken(options: ManifestsOptions): Promise<number> {
  const namespace = {
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: {
      name: 'engram',
      labels: {
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  };
  await kubectl(options, ['apply', '-f', '-'], JSON.stringify(namespace));
  let objects = 0;
  try {
    for (const directory of ['base', 'overlays/existing-tikv']) {
      const built = await kubectl(options, ['kustomize', join(deploy, 'kubernetes', directory)]);
      const own = objectsOf(built).filter(({ apiVersion }) => !foreignGroups.test(apiVersion));
      assert.ok(own.length >= 5, `${directory} has ${own.length} objects`);
      objects += own.length;
      await dryRun(options, 'engram', own);
    }
  } finally {
    await kubectl(options, ['delete', 'namespace', 'engram', '--wait=false']);
  }
  for (const file of ['engram.yaml', 'engram-tikv.yaml']) {
    const pods = objectsOf(readFileSync(join(deploy, 'kubeadm', file), 'utf8'));
    objects += pods.length;
    await dryRun(options, 'kube-system', pods);
  }
  return objects;
}

interface AnyObject {
  readonly apiVersion: string;
  readonly kind: string;
}

function objectsOf(yaml: string): AnyObject[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as AnyObject);
}

/** Fails for an error and for a warning: what a pod lacks of `restricted` is only warned of in a StatefulSet. */
async function dryRun(
  options: ManifestsOptions,
  namespace: string,
  items: readonly AnyObject[],
): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const args = ['apply', '--dry-run=server', '--validate=strict', '--namespace', namespace, '-f', '-'];
  const said = await kubectl(options, args, list);
  assert.equal(said.trim().split('\n').length, items.length, said);
  assert.match(said, /\(server dry run\)/);
}

async function kubectl(
  { kubectl: program, flags }: ManifestsOptions,
  args: readonly string[],
  input = '',
): Promise<string> {
  const { code, stdout, stderr } = await run(program, [...flags, ...args], { input });
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  assert.equal(stderr, '', `kubectl ${args.join(' ')} warns`);
  return stdout;
}

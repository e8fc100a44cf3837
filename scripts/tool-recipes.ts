/** What the tools are built from: modules at pinned versions, and sources of this repository. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program that some suite runs. */
export type ToolName =
  | 'etcd'
  | 'etcdctl'
  | 'etcdutl'
  | 'kube-apiserver'
  | 'kubectl'
  | 'h2spec'
  | 'tikv-fixture'
  | 'tikv-fixture-check'
  | 'tikv-fixture-bench'
  | 'cluster-load'
  | 'etcd3.test'
  | 'cacher.test'
  | 'factory.test'
  | 'registry.test'
  | 'reconcilers.test'
  | 'common.test'
  | 'e2e.test';

/** A module whose tests are compiled, after changes. */
export interface TestedModule {
  module: string;
  /** Its files -> those of this repository in their place. */
  overlay: Record<string, string>;
  /** Words of its files that are replaced, everywhere in the file. Each must be there. */
  edits?: readonly { path: string; words: string; by: string }[];
  /** Build tags. */
  tags?: string;
  /** Directories of it that the programs need: they are kept beside them. */
  kept?: readonly string[];
}

/** What to build in one module. */
export interface Recipe {
  /** Directory name without the version. */
  name: string;
  version: string;
  /** What `npm run tools -- WORD` may call it. */
  words: readonly string[];
  /** The module that holds the main packages, if it is one of this repository; else a scratch module is made. */
  sources?: string;
  /** The programs are the tests of this module's packages. */
  tests?: TestedModule;
  /** Name of the binary -> its main package, or the one that it tests. */
  programs: Partial<Record<ToolName, string>>;
  /** Module -> version, as in a require directive. */
  requires: Record<string, string>;
  /** Module whose replaced (staging) modules are all taken at a published version instead. */
  staging?: { module: string; version: string };
  ldflags?: string;
}

function etcdRecipe(version: string, words: readonly string[]): Recipe {
  const root = 'go.etcd.io/etcd';
  return {
    name: 'etcd',
    version,
    words: ['etcd', ...words],
    programs: {
      etcd: `${root}/server/v3`,
      etcdctl: `${root}/etcdctl/v3`,
      etcdutl: `${root}/etcdutl/v3`,
    },
    requires: {
      [`${root}/server/v3`]: `v${version}`,
      [`${root}/etcdctl/v3`]: `v${version}`,
      [`${root}/etcdutl/v3`]: `v${version}`,
    },
    ldflags: '-s -w',
  };
}

/** Kubernetes reads its version from variables that its own build sets; without them it reports v0.0.0-master. */
function kubernetesLdflags(version: string, major: string, minor: string): string {
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const flags = Object.entries(values).flatMap(([name, value]) => [
    `-X k8s.io/component-base/version.${name}=${value}`,
    `-X k8s.io/client-go/pkg/version.${name}=${value}`,
  ]);
  return ['-s -w', ...flags].join(' ');
}

/** The TiKV-protocol server that the suites of the TiKV client and engine run on, and its companions. */
function fixtureRecipe(): Recipe {
  const sources = sourcesAt('test', 'tikv-fixture');
  return {
    name: 'tikv-fixture',
    version: digestOf(sources),
    words: ['tikv', 'tikv-fixture'],
    sources,
    programs: {
      'tikv-fixture': './cmd/tikv-fixture',
      'tikv-fixture-check': './cmd/check',
      'tikv-fixture-bench': './cmd/bench',
    },
    requires: {},
    ldflags: '-s -w',
  };
}

/** A load on a cluster by etcd's own Go client, for test:cluster. */
function clusterLoadRecipe(): Recipe {
  const sources = sourcesAt('test', 'cluster', 'go-load');
  return {
    name: 'cluster-load',
    version: digestOf(sources),
    words: ['cluster', 'cluster-load'],
    sources,
    programs: { 'cluster-load': '.' },
    requires: {},
    ldflags: '-s -w',
  };
}

/** Kubernetes' own tests of its storage, with a server of ours where they embed etcd, for test:kubernetes-storage. */
function kubernetesStorageRecipe(version: string): Recipe {
  const sources = sourcesAt('test', 'kubernetes-storage');
  const module = 'k8s.io/apiserver';
  return {
    name: 'kubernetes-storage',
    version: `${version}-${digestOf(sources)}`,
    words: ['kube-storage', 'kubernetes-storage'],
    tests: {
      module: `${module}@v${version}`,
      overlay: { 'pkg/storage/etcd3/testserver/test_server.go': join(sources, 'test_server.go') },
    },
    programs: {
      'etcd3.test': `${module}/pkg/storage/etcd3`,
      'cacher.test': `${module}/pkg/storage/cacher`,
      'factory.test': `${module}/pkg/storage/storagebackend/factory`,
      'registry.test': `${module}/pkg/registry/generic/registry`,
      'reconcilers.test': `${module}/pkg/reconcilers`,
    },
    requires: {},
    ldflags: '-s -w',
  };
}

/**
 * etcd's own end-to-end tests, for test:etcd-e2e. A test that does not say how many members it wants gets three from etcd's
 * frame, and one here.
 */
function etcdTestsRecipe(version: string): Recipe {
  const module = 'go.etcd.io/etcd/tests/v3';
  const three = ['framework/e2e/cluster.go', 'framework/config/cluster.go', 'common/e2e_test.go'];
  return {
    name: 'etcd-tests',
    version,
    words: ['etcd-tests'],
    tests: {
      module: `${module}@v${version}`,
      overlay: {},
      edits: [
        { path: three[0]!, words: 'ClusterSize:        3,', by: 'ClusterSize: 1,' },
        { path: three[1]!, words: 'ClusterSize:         3,', by: 'ClusterSize: 1,' },
        { path: three[2]!, words: 'ClusterSize: 3,', by: 'ClusterSize: 1,' },
      ],
      tags: 'e2e',
      kept: ['fixtures'],
    },
    programs: { 'common.test': `${module}/common`, 'e2e.test': `${module}/e2e` },
    requires: {},
    ldflags: '-s -w',
  };
}

function sourcesAt(...path: readonly string[]): string {
  return join(dirname(dirname(fileURLToPath(import.meta.url))), ...path);
}

/** Short, over the paths and bytes of a module's files. */
function digestOf(directory: string): string {
  const files = readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /(\.go|^go\.(mod|sum))$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.toSorted()) {
    const content = readFileSync(file);
    hash.update(`${relative(directory, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

/** Everything that is pinned, the newest of a name first. */
export const recipes: readonly Recipe[] = [
  etcdRecipe('3.7.3', ['etcd-3.7', 'etcd-3.7.3']),
  etcdRecipe('3.6.14', ['etcd-3.6', 'etcd-3.6.14']),
  {
    name: 'kubernetes',
    version: '1.37.0',
    words: ['kube', 'kubernetes', 'kube-apiserver', 'kubectl'],
    programs: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    },
    requires: { 'k8s.io/kubernetes': 'v1.37.0' },
    staging: { module: 'k8s.io/kubernetes@v1.37.0', version: 'v0.37.0' },
    ldflags: kubernetesLdflags('1.37.0', '1', '37'),
  },
  {
    name: 'h2spec',
    version: '2.2.1',
    words: ['h2spec'],
    programs: { h2spec: 'github.com/summerwind/h2spec/cmd/h2spec' },
    requires: {
      'github.com/summerwind/h2spec': 'v2.2.1+incompatible',
      // h2spec has no go.mod of its own, so its dependencies are pinned here.
      'github.com/fatih/color': 'v1.19.0',
      'github.com/spf13/cobra': 'v1.10.2',
      'golang.org/x/net': 'v0.62.0',
    },
    ldflags: '-s -w',
  },
  fixtureRecipe(),
  clusterLoadRecipe(),
  kubernetesStorageRecipe('0.37.0'),
  etcdTestsRecipe('3.7.3'),
];

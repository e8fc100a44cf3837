/** One step of the run. */
export interface Suite {
  name: string;
  /** Arguments of npm. */
  npm: readonly string[];
  minutesMax: number;
  /** The file without which there is nothing to run. */
  entry?: string;
  /** A preparation (building tools): it has no tests to count, and its failure only makes suites skip. */
  preparation?: boolean;
}

/** Together with the whole run's limit these keep one suite that hangs from hiding the others. */
export const suites: readonly Suite[] = [
  { name: 'ok', npm: ['run', 'ok'], minutesMax: 45 },
  {
    name: 'tools for test:etcd',
    npm: ['run', 'tools', '--', 'etcd'],
    minutesMax: 8,
    entry: 'test/etcd/main.ts',
    preparation: true,
  },
  {
    name: 'test:etcd',
    npm: ['run', 'test:etcd', '--', '--short'],
    minutesMax: 16,
    entry: 'test/etcd/main.ts',
  },
  {
    name: 'tools for test:etcd-e2e',
    npm: ['run', 'tools', '--', 'etcd-3.7', 'etcd-tests'],
    minutesMax: 8,
    entry: 'test/etcd-e2e/main.ts',
    preparation: true,
  },
  {
    name: 'test:etcd-e2e',
    npm: ['run', 'test:etcd-e2e', '--', '--short'],
    minutesMax: 10,
    entry: 'test/etcd-e2e/main.ts',
  },
  {
    name: 'test:crash',
    npm: ['run', 'test:crash', '--', '--short'],
    minutesMax: 8,
    entry: 'test/crash/main.ts',
  },
  {
    name: 'simulate --plant',
    npm: ['run', 'simulate', '--', '--plant', 'all', '--short'],
    minutesMax: 8,
    entry: 'test/simulation/main.ts',
  },
  {
    name: 'tools for test:h2spec',
    npm: ['run', 'tools', '--', 'h2spec'],
    minutesMax: 4,
    entry: 'test/h2spec/main.ts',
    preparation: true,
  },
  {
    name: 'test:h2spec',
    npm: ['run', 'test:h2spec', '--', '--short'],
    minutesMax: 6,
    entry: 'test/h2spec/main.ts',
  },
  {
    name: 'tools for test:tikv',
    npm: ['run', 'tools', '--', 'tikv'],
    minutesMax: 5,
    entry: 'test/tikv/main.ts',
    preparation: true,
  },
  {
    name: 'test:tikv',
    npm: ['run', 'test:tikv', '--', '--short'],
    minutesMax: 15,
    entry: 'test/tikv/main.ts',
  },
  {
    name: 'tools for test:cluster',
    npm: ['run', 'tools', '--', 'cluster'],
    minutesMax: 4,
    entry: 'test/cluster/main.ts',
    preparation: true,
  },
  {
    name: 'tools for test:kubernetes',
    npm: ['run', 'tools', '--', 'kube'],
    minutesMax: 20,
    entry: 'test/kubernetes/main.ts',
    preparation: true,
  },
  {
    name: 'test:kubernetes',
    npm: ['run', 'test:kubernetes', '--', '--short'],
    minutesMax: 10,
    entry: 'test/kubernetes/main.ts',
  },
  {
    name: 'test:kubernetes --engine tikv',
    npm: ['run', 'test:kubernetes', '--', '--short', '--engine', 'tikv'],
    minutesMax: 10,
    entry: 'test/kubernetes/main.ts',
  },
  {
    name: 'tools for test:kubernetes-storage',
    npm: ['run', 'tools', '--', 'kube-storage'],
    minutesMax: 15,
    entry: 'test/kubernetes-storage/main.ts',
    preparation: true,
  },
  {
    name: 'test:kubernetes-storage',
    npm: ['run', 'test:kubernetes-storage', '--', '--short'],
    minutesMax: 10,
    entry: 'test/kubernetes-storage/main.ts',
  },
  {
    name: 'test:cluster',
    npm: ['run', 'test:cluster'],
    minutesMax: 12,
    entry: 'test/cluster/main.ts',
  },
];

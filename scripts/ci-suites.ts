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

/** The program that an npm script `test:NAME` starts. */
const entryOf = (script: string): string => `test/${script.replace('test:', '')}/main.ts`;

/** A suite in its short form. */
const short = (script: string, minutesMax: number, ...more: readonly string[]): Suite => ({
  name: [script, ...more].join(' '),
  npm: ['run', script, '--', '--short', ...more],
  minutesMax,
  entry: entryOf(script),
});

const toolsFor = (script: string, minutesMax: number, ...recipes: readonly string[]): Suite => ({
  name: `tools for ${script}`,
  npm: ['run', 'tools', '--', ...recipes],
  minutesMax,
  entry: entryOf(script),
  preparation: true,
});

/** Together with the whole run's limit these keep one suite that hangs from hiding the others. */
export const suites: readonly Suite[] = [
  { name: 'ok', npm: ['run', 'ok'], minutesMax: 45 },
  toolsFor('test:etcd', 8, 'etcd'),
  short('test:etcd', 16),
  toolsFor('test:etcd-e2e', 8, 'etcd-3.7', 'etcd-tests'),
  short('test:etcd-e2e', 10),
  short('test:crash', 8),
  {
    name: 'simulate --plant',
    npm: ['run', 'simulate', '--', '--plant', 'all', '--short'],
    minutesMax: 8,
    entry: 'test/simulation/main.ts',
  },
  toolsFor('test:h2spec', 4, 'h2spec'),
  short('test:h2spec', 6),
  toolsFor('test:tikv', 5, 'tikv'),
  short('test:tikv', 15),
  toolsFor('test:cluster', 4, 'cluster'),
  toolsFor('test:kubernetes', 20, 'kube'),
  short('test:kubernetes', 10),
  short('test:kubernetes', 10, '--engine', 'tikv'),
  toolsFor('test:kubernetes-storage', 15, 'kube-storage'),
  short('test:kubernetes-storage', 10),
  {
    name: 'test:cluster',
    npm: ['run', 'test:cluster'],
    minutesMax: 12,
    entry: 'test/cluster/main.ts',
  },
];

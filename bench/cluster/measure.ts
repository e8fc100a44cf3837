import { processCpuMicros } from '../../test/support/process-figures.ts';
import type { Nodes } from '../../test/cluster/nodes.ts';
import { Generator } from '../etcd/generator.ts';
import type { Measured } from './figures.ts';
import type { Row } from './rows.ts';

/** How much of everything. */
export interface Sizes {
  readonly rounds: number;
  readonly keys: number;
  /** Before it is measured: servers compile what runs often. */
  readonly warmMs: number;
  readonly measureMs: number;
}

/** Ten minutes. */
export const FULL: Sizes = { rounds: 3, keys: 10_000, warmMs: 2500, measureMs: 4000 };
/** Shows that every row works. */
export const SHORT: Sizes = { rounds: 1, keys: 2000, warmMs: 400, measureMs: 800 };

const VALUE_BYTES = 512;
const CONNECTIONS = 16;
const PREFIX = '/registry/pods/point/';

/** Measures rows on nodes that run and have their keys; gives what they came to, by the names of the rows. */
export async function measureOn(
  nodes: Nodes,
  rows: readonly Row[],
  sizes: Sizes,
): Promise<ReadonlyMap<string, Measured>> {
  const generator = new Generator();
  const measured = new Map<string, Measured>();
  try {
    const leader = await nodes.leader();
    await connect(generator, nodes, { node: leader, connections: CONNECTIONS });
    await generator.task('fill', { prefix: PREFIX, keys: sizes.keys, valueBytes: VALUE_BYTES });
    for (const row of rows) measured.set(row.name, await measure(generator, nodes, { row, leader, sizes }));
    return measured;
  } finally {
    await generator.stop();
  }
}

function connect(
  generator: Generator,
  nodes: Nodes,
  { node, connections }: { readonly node: number; readonly connections: number },
): Promise<void> {
  const { target } = nodes.processes[node]!;
  return generator.task('connect', { target, serverPid: nodes.processes[node]!.pid(), connections });
}

async function measure(
  generator: Generator,
  nodes: Nodes,
  { row, leader, sizes }: { readonly row: Row; readonly leader: number; readonly sizes: Sizes },
): Promise<Measured> {
  const asked = row.place === 'leader' ? leader : (leader + 1) % nodes.targets.length;
  await connect(generator, nodes, { node: asked, connections: Math.min(row.clients, CONNECTIONS) });
  const { kind: shape, clients } = row;
  const loop = { shape, clients, prefix: PREFIX, keys: sizes.keys, valueBytes: VALUE_BYTES };
  // A run of its own, so that the figures of all nodes are of the measured calls alone.
  await generator.task('calls', { ...loop, warmMs: 0, measureMs: sizes.warmMs });
  const revision = await generator.task('revision', {});
  const before = cpuOf(nodes);
  const result = await generator.task('calls', { ...loop, warmMs: 0, measureMs: sizes.measureMs });
  const after = cpuOf(nodes);
  const made = (await generator.task('revision', {})) - revision;
  const calls = Math.max(1, result.succeeded);
  const micros = after.map((one, at) => (one - before[at]!) / calls);
  const failures: Record<string, number> = { ...result.failures };
  const expected = row.kind === 'put' ? result.succeeded : 0;
  if (made !== expected) failures[`${made} revisions were made by ${expected} writes`] = 1;
  if ((await nodes.leader()) !== leader) failures['the leader changed'] = 1;
  const followers = micros.filter((_, at) => at !== leader);
  const mean = followers.reduce((sum, one) => sum + one, 0) / Math.max(1, followers.length);
  return {
    perSecond: (result.operations * 1000) / result.elapsedMs,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    leaderMicros: micros[leader]!,
    followerMicros: row.place === 'follower' ? micros[asked]! : mean,
    allMicros: micros.reduce((sum, one) => sum + one, 0),
    generatorMicros: result.generatorCpuMicros / calls,
    failures,
  };
}

function cpuOf(nodes: Nodes): number[] {
  return nodes.processes.map((one) => processCpuMicros(one.pid()));
}

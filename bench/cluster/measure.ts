import { setTimeout as rest } from 'node:timers/promises';
import { processCpuMicros } from '../../test/support/process-figures.ts';
import type { Nodes } from '../../test/cluster/nodes.ts';
import { Generator } from '../etcd/generator.ts';
import type { LoopResult } from '../etcd/load/tasks.ts';
import type { Measured } from './figures.ts';
import type { Row } from './rows.ts';

/** How much of everything. */
export interface Sizes {
  readonly rounds: number;
  readonly keys: number;
  /** Before it is measured: servers compile what runs often. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** How long nodes are looked at while nobody asks anything. */
  readonly idleMs: number;
}

/** A quarter of an hour. */
export const FULL: Sizes = { rounds: 3, keys: 10_000, warmMs: 2500, measureMs: 4000, idleMs: 5000 };
/** Shows that every row works. */
export const SHORT: Sizes = { rounds: 1, keys: 2000, warmMs: 400, measureMs: 800, idleMs: 500 };

const VALUE_BYTES = 512;
const CONNECTIONS = 16;
const PREFIX = '/registry/pods/point/';

/** Measures rows on nodes that run; gives what they came to, by the names of the rows. */
export async function measureOn(
  nodes: Nodes,
  rows: readonly Row[],
  sizes: Sizes,
): Promise<ReadonlyMap<string, Measured>> {
  const generator = new Generator();
  const raw = new Map<Row, Raw>();
  try {
    const leader = await nodes.leader();
    await connect(generator, nodes, { node: leader, connections: CONNECTIONS });
    await generator.task('fill', { prefix: PREFIX, keys: sizes.keys, valueBytes: VALUE_BYTES });
    for (const row of rows) raw.set(row, await measure(generator, nodes, { row, leader, sizes }));
    // At the end: what runs all the time is compiled by then.
    const idle = await idleShares(nodes, sizes.idleMs);
    return new Map([...raw].map(([row, one]) => [row.name, figuresOf(row, one, { leader, idle })]));
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

/** What a run came to; CPU is of each node, in microseconds, for all calls. */
interface Raw {
  readonly result: LoopResult;
  readonly cpuMicros: readonly number[];
  readonly elapsedMs: number;
  readonly asked: number;
  readonly failures: Readonly<Record<string, number>>;
}

async function measure(
  generator: Generator,
  nodes: Nodes,
  { row, leader, sizes }: { readonly row: Row; readonly leader: number; readonly sizes: Sizes },
): Promise<Raw> {
  const asked = row.place === 'leader' ? leader : (leader + 1) % nodes.targets.length;
  await connect(generator, nodes, {
    node: asked,
    connections: Math.min(row.clients ?? CONNECTIONS, CONNECTIONS),
  });
  // A run of its own, so that the figures of all nodes are of the measured calls alone.
  await run(generator, row, { keys: sizes.keys, measureMs: sizes.warmMs });
  const revision = await generator.task('revision', {});
  const [before, startMs] = [cpuOf(nodes), performance.now()];
  const result = await run(generator, row, { keys: sizes.keys, measureMs: sizes.measureMs });
  const [after, elapsedMs] = [cpuOf(nodes), performance.now() - startMs];
  const made = (await generator.task('revision', {})) - revision;
  const failures: Record<string, number> = { ...result.failures };
  const expected = row.kind === 'put' ? result.succeeded : 0;
  if (made !== expected) failures[`${made} revisions were made by ${expected} writes`] = 1;
  if ((await nodes.leader()) !== leader) failures['the leader changed'] = 1;
  return { result, cpuMicros: after.map((one, at) => one - before[at]!), elapsedMs, asked, failures };
}

/** The calls of a row, for so long. */
function run(
  generator: Generator,
  { kind: shape, clients, rate }: Row,
  span: { readonly keys: number; readonly measureMs: number },
): Promise<LoopResult> {
  const task = { ...span, prefix: PREFIX, valueBytes: VALUE_BYTES, warmMs: 0 };
  return clients === undefined
    ? generator.task('readsAtRate', { ...task, perSecond: rate })
    : generator.task('calls', { ...task, shape, clients });
}

/** CPU time of each node for a millisecond in which nobody asks anything, in microseconds. */
async function idleShares(nodes: Nodes, forMs: number): Promise<readonly number[]> {
  await rest(forMs / 5);
  const [before, startMs] = [cpuOf(nodes), performance.now()];
  await rest(forMs);
  const elapsedMs = performance.now() - startMs;
  return cpuOf(nodes).map((one, at) => (one - before[at]!) / elapsedMs);
}

function figuresOf(
  { place }: Row,
  { result, cpuMicros, elapsedMs, asked, failures }: Raw,
  { leader, idle }: { readonly leader: number; readonly idle: readonly number[] },
): Measured {
  const calls = Math.max(1, result.succeeded);
  const micros = cpuMicros.map((one, at) => Math.max(0, one - idle[at]! * elapsedMs) / calls);
  const isFollower = (_: number, at: number): boolean => at !== leader;
  return {
    perSecond: (result.operations * 1000) / result.elapsedMs,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    leaderMicros: micros[leader]!,
    followerMicros: place === 'follower' ? micros[asked]! : mean(micros.filter(isFollower)),
    allMicros: micros.reduce((sum, one) => sum + one, 0),
    generatorMicros: result.generatorCpuMicros / calls,
    idleLeaderPercent: idle[leader]! / 10,
    idleFollowerPercent: mean(idle.filter(isFollower)) / 10,
    failures,
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);

function cpuOf(nodes: Nodes): number[] {
  return nodes.processes.map((one) => processCpuMicros(one.pid()));
}

/**
 * `npm run simulate -- [--cluster] [--nodes N] [--seeds N] [--seed FIRST] [--plant NAME] [--short] [--once] [--all]`.
 * Stops at the first seed with a problem (`--all`: goes on) and prints what is needed to see it again. With `--plant` a
 * mistake is planted, and finding it is the success; `--plant all` plants each in turn. Every seed runs twice, and the
 * digests of both runs must agree (`--once`: it runs once). With `--cluster` several nodes share a store, else one node has
 * it for itself.
 */
import { execFileSync } from 'node:child_process';
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import { CLUSTER_PLANTED } from './cluster/profile.ts';
import { simulateCluster } from './cluster/simulation.ts';
import { PLANTED } from './profile.ts';
import { simulate } from './simulation.ts';

interface Verdict {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly digest: string;
  readonly calls: number;
  readonly profile: object;
  readonly counts: Readonly<Record<string, number>>;
}

const PLANTED_SEEDS_MAX = 200;
const EVERY_SHOWN = 100;

const values = programOptions(import.meta.filename, {
  seeds: { type: 'string' },
  seed: { type: 'string', default: '1' },
  plant: { type: 'string' },
  short: { type: 'boolean', default: false },
  once: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  cluster: { type: 'boolean', default: false },
  nodes: { type: 'string' },
});
const first = Number(values.seed);
const nodes = values.nodes === undefined ? undefined : Number(values.nodes);
const simulation = suite('simulate');

const run = (seed: number, plant?: string): Promise<Verdict> =>
  values.cluster ? simulateCluster(seed, { nodes, plant }) : simulate(seed, plant);

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

function describe({ seed, problems, profile }: Verdict): string {
  const cluster = `${values.cluster ? ' --cluster' : ''}${nodes === undefined ? '' : ` --nodes ${nodes}`}`;
  const again = `npm run simulate --${cluster} --seed ${seed} --seeds 1`;
  return `${problems.slice(0, 3).join('\n')}\nCOMMIT=${commit()} SEED=${seed} ${again}\nprofile ${JSON.stringify(profile)}`;
}

async function findPlanted(name: string): Promise<void> {
  for (let seed = first; seed < first + PLANTED_SEEDS_MAX; seed++) {
    const { problems } = await run(seed, name);
    if (problems.length === 0) continue;
    print(`   ${name}: found at seed ${seed}: ${problems[0]!.slice(0, 200).replaceAll('\n', ' | ')}`);
    return;
  }
  throw new Error(`${name} is planted and not found in ${PLANTED_SEEDS_MAX} seeds`);
}

async function cleanSeeds(count: number): Promise<void> {
  let calls = 0;
  const bad: number[] = [];
  const sums = new Map<string, number>();
  for (let seed = first; seed < first + count; seed++) {
    const verdict = await run(seed);
    if (verdict.problems.length > 0) {
      if (!values.all) throw new Error(describe(verdict));
      print(`   ${describe(verdict)}`);
      bad.push(seed);
      continue;
    }
    if (!values.once) {
      const again = await run(seed);
      if (again.digest !== verdict.digest)
        throw new Error(`seed ${seed} gives ${verdict.digest}, then ${again.digest}`);
    }
    calls += verdict.calls;
    for (const [what, n] of Object.entries(verdict.counts)) sums.set(what, (sums.get(what) ?? 0) + n);
    if ((seed - first + 1) % EVERY_SHOWN === 0) print(`   ${seed - first + 1} seeds, ${calls} calls`);
  }
  print(`   ${count} seeds, ${calls} calls ${JSON.stringify(Object.fromEntries(sums))}`);
  if (bad.length > 0) throw new Error(`${bad.length} seeds with problems: ${bad.join()}`);
}

if (values.plant !== undefined) {
  const names = values.plant !== 'all' ? [values.plant] : values.cluster ? CLUSTER_PLANTED : PLANTED;
  for (const name of names)
    await simulation.check(`the planted fault ${name} is found`, () => findPlanted(name));
} else {
  const count = Number(values.seeds ?? (values.short ? 50 : 200));
  const twice = values.once ? '' : ', each the same twice';
  await simulation.check(`${count} seeds without a problem${twice}`, () => cleanSeeds(count));
}
simulation.finish();

/**
 * `npm run simulate -- [--seeds N] [--seed FIRST] [--plant NAME] [--short]`. Stops at the first seed with a problem and
 * prints what is needed to see it again. With `--plant` a mistake is planted, and finding it is the success; `--plant all`
 * plants each in turn. Every seed runs twice, and the digests of both runs must agree.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { print, suite } from '../support/suite.ts';
import { PLANTED } from './profile.ts';
import { simulate } from './simulation.ts';
import type { Verdict } from './simulation.ts';

const PLANTED_SEEDS_MAX = 200;
const EVERY_SHOWN = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    plant: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const simulation = suite('simulate');

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
  const again = `npm run simulate -- --seed ${seed} --seeds 1`;
  return `${problems.slice(0, 3).join('\n')}\nCOMMIT=${commit()} SEED=${seed} ${again}\nprofile ${JSON.stringify(profile)}`;
}

async function findPlanted(name: string): Promise<void> {
  for (let seed = first; seed < first + PLANTED_SEEDS_MAX; seed++) {
    const { problems } = await simulate(seed, name);
    if (problems.length === 0) continue;
    print(`   ${name}: found at seed ${seed}: ${problems[0]!.slice(0, 200).replaceAll('\n', ' | ')}`);
    return;
  }
  throw new Error(`${name} is planted and not found in ${PLANTED_SEEDS_MAX} seeds`);
}

async function cleanSeeds(count: number): Promise<void> {
  let calls = 0;
  for (let seed = first; seed < first + count; seed++) {
    const verdict = await simulate(seed);
    if (verdict.problems.length > 0) throw new Error(describe(verdict));
    const again = await simulate(seed);
    if (again.digest !== verdict.digest)
      throw new Error(`seed ${seed} gives ${verdict.digest}, then ${again.digest}`);
    calls += verdict.calls;
    if ((seed - first + 1) % EVERY_SHOWN === 0) print(`   ${seed - first + 1} seeds, ${calls} calls`);
  }
  print(`   ${count} seeds, ${calls} calls`);
}

if (values.plant !== undefined) {
  const names = values.plant === 'all' ? PLANTED : [values.plant];
  for (const name of names)
    await simulation.check(`the planted fault ${name} is found`, () => findPlanted(name));
} else {
  const count = Number(values.seeds ?? (values.short ? 50 : 200));
  await simulation.check(`${count} seeds without a problem, each the same twice`, () => cleanSeeds(count));
}
simulation.finish();

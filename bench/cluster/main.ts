/**
 * Engram as a cluster of one, two and three nodes on a test TiKV: what reads and writes cost the leader and a follower.
 *
 *     npm run bench:cluster                     all of it: a quarter of an hour
 *     npm run bench:cluster -- --short          all rows, small: a minute
 *     npm run bench:cluster -- --only put-256   rows whose names start with these words
 *
 * A whole run writes bench/results/cluster.md and .json; `--out DIR` writes them for any other. The exit code is 1 when an
 * answer was wrong, not for a missed aim. `npx tsx bench/cluster/main.ts` is the same with dist/ as it is.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOptions } from '../../test/support/program-options.ts';
import { Nodes } from '../../test/cluster/nodes.ts';
import { Skipped } from '../../test/support/suite.ts';
import { FixtureCluster } from '../../test/support/tikv/fixture.ts';
import { machine } from '../machine.ts';
import { failuresOf } from './figures.ts';
import type { Measured } from './figures.ts';
import { FULL, measureOn, SHORT } from './measure.ts';
import type { Sizes } from './measure.ts';
import { rows } from './rows.ts';
import type { Row } from './rows.ts';
import { lookupOf, table } from './table.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const values = programOptions(import.meta.filename, {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  });
  const sizes = values.short ? SHORT : FULL;
  const names = values.only?.split(',') ?? [''];
  const wanted = rows.filter(({ name }) => names.some((one) => name.startsWith(one)));
  const about = {
    machine: machine(import.meta.dirname),
    startedAt: new Date().toISOString(),
    form: values.short ? ('short' as const) : ('full' as const),
    rounds: Number(values.rounds ?? sizes.rounds),
  };
  const startMs = performance.now();
  const results = await runAll(wanted, about.rounds, sizes);
  const report = { ...about, results };
  print(table(report));
  const isWhole = values.only === undefined && !values.short;
  const out = values.out ?? (isWhole ? join(import.meta.dirname, '..', 'results') : undefined);
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'cluster.md'), table(report));
    const figures = lookupOf(results);
    const json = [...results].map(([row, rounds]) => ({ row, median: figures(row), rounds }));
    writeFileSync(join(out, 'cluster.json'), `${JSON.stringify({ ...about, rows: json }, undefined, 2)}\n`);
    tell(`wrote ${join(out, 'cluster.md')} and .json`);
  }
  tell(`bench:cluster took ${((performance.now() - startMs) / 60_000).toFixed(1)} minutes`);
  return failuresOf(results).length === 0 ? 0 : 1;
}

/** Rounds are interleaved: clusters of one, two and three nodes take turns, each round with new ones. */
async function runAll(
  wanted: readonly Row[],
  rounds: number,
  sizes: Sizes,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const results = new Map<string, Measured[]>();
  for (let round = 0; round < rounds; round++) {
    for (const count of new Set(wanted.map(({ nodes }) => nodes))) {
      const mine = wanted.filter(({ nodes }) => nodes === count);
      for (const [row, measured] of await onNodes(count, mine, sizes)) {
        results.set(row, [...(results.get(row) ?? []), measured]);
        tell(`round ${round + 1}, ${row.padEnd(44)} ${describe(measured)}`);
      }
    }
  }
  return results;
}

/** On a TiKV of their own, so that none has the data of another. */
async function onNodes(
  count: number,
  wanted: readonly Row[],
  sizes: Sizes,
): Promise<ReadonlyMap<string, Measured>> {
  const tikv = await FixtureCluster.start({ stores: 3 });
  try {
    const nodes = await Nodes.start({ pd: tikv.pd, keyspace: 'bench', count });
    try {
      return await measureOn(nodes, wanted, sizes);
    } finally {
      await nodes.close();
    }
  } finally {
    await tikv.close();
  }
}

function describe({ perSecond, p50Ms, p99Ms, leaderMicros, followerMicros, failures }: Measured): string {
  const failed = Object.entries(failures).map(([what, count]) => `, FAILED ${what}: ${count}`);
  return (
    `${Math.round(perSecond)}/s, p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms, ` +
    `leader ${leaderMicros.toFixed(1)} us, follower ${followerMicros.toFixed(1)} us${failed.join('')}`
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Skipped)) throw error;
  print(`SKIPPED bench:cluster: ${error.message}`);
}

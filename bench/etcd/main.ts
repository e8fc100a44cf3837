/**
 * Engram beside etcd 3.7 and 3.6 on this machine, under the same load.
 *
 *     npm run bench:etcd                                     all of it: three quarters of an hour
 *     npm run bench:etcd -- --short                          all rows, small: five minutes
 *     npm run bench:etcd -- --list                           names of the rows
 *     npm run bench:etcd -- --only put,range --rounds 1      rows whose names start with these words
 *     npm run bench:etcd -- --only range-linearizable --servers engram --rounds 1 \
 *         '--node=--cpu-prof --cpu-prof-dir=/tmp/profile'    with flags of Node for Engram
 *
 * `npx tsx bench/etcd/main.ts ...` is the same with dist/ as it is, `--main FILE` with the `cli/main.js` of another build.
 * A whole run writes bench/results/etcd.md, .json and plots; `--out DIR` writes them for any other run. The exit code is 1
 * when an answer was wrong, not for a missed aim.
 *
 * Each row is a closed loop of clients, or a fixed rate, from a generator in a process of its own: server and generator
 * share the machine's cores, on which nothing is pinned. Servers take turns in rounds; figures are medians. CPU is the
 * server's, all its threads, from /proc. Durable figures stand on the disk's sync latency, which the report names.
 */

import { join } from 'node:path';
import { programOptions } from '../../test/support/program-options.ts';
import { machine } from '../machine.ts';
import { callGroups } from './call-rows.ts';
import { generatorCeiling } from './ceiling.ts';
import type { Group } from './group.ts';
import { h2loadGroup, h2loadMissing } from './h2load-rows.ts';
import { leaseGroups } from './lease-rows.ts';
import { listGroups } from './list-rows.ts';
import { memoryGroups } from './memory-rows.ts';
import { failuresOf } from './report.ts';
import { runAll } from './runner.ts';
import { isServerKind, serverKinds } from './servers.ts';
import type { ServerKind } from './servers.ts';
import { FULL, SHORT } from './sizes.ts';
import type { Sizes } from './sizes.ts';
import { table } from './table.ts';
import { watchGroups } from './watch-rows.ts';
import { writeReport } from './write-report.ts';

async function main(): Promise<number> {
  const values = programOptions(import.meta.filename, {
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    servers: { type: 'string' },
    node: { type: 'string', default: '' },
    main: { type: 'string' },
    out: { type: 'string' },
  });
  const sizes = values.short ? SHORT : FULL;
  const missing = await h2loadMissing();
  const groups = allGroups(sizes, missing === undefined);
  if (values.list) {
    for (const { name, title } of groups.flatMap(({ rows }) => rows)) print(`${name.padEnd(34)}${title}`);
    return 0;
  }
  const about = {
    sizes,
    form: values.short ? ('short' as const) : ('full' as const),
    servers: serversOf(values.servers),
    rounds: Number(values.rounds ?? sizes.rounds),
    machine: machine(import.meta.dirname),
    startedAt: new Date().toISOString(),
    skipped: missing === undefined ? [] : [missing],
    ceiling: await generatorCeiling(),
  };
  const startMs = performance.now();
  const wants = wantedBy(groups, values.only);
  const node = values.node.split(' ').filter((flag) => flag !== '');
  const engram = { node, ...(values.main === undefined ? {} : { main: values.main }) };
  const results = await runAll({ ...about, groups, wants, engram, say: tell });
  const rows = groups.flatMap((group) => group.rows).filter(({ name }) => results.has(name));
  const report = { ...about, rows, results };
  print(table(report));
  // What is published is whole: a part of it, or another form, is written only where one asks for it.
  const isWhole = values.only === undefined && values.servers === undefined && !values.short;
  const out = values.out ?? (isWhole ? join(import.meta.dirname, '..', 'results') : undefined);
  if (out !== undefined) for (const path of writeReport(report, out, 'etcd')) tell(`wrote ${path}`);
  for (const reason of about.skipped) tell(`SKIPPED ${reason}`);
  tell(`bench:etcd took ${((performance.now() - startMs) / 60_000).toFixed(1)} minutes`);
  return failuresOf(results).length === 0 ? 0 : 1;
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

function allGroups(sizes: Sizes, hasH2load: boolean): readonly Group[] {
  return [
    ...callGroups,
    ...(hasH2load ? [h2loadGroup] : []),
    ...listGroups(sizes),
    ...watchGroups,
    ...leaseGroups(sizes),
    ...memoryGroups(sizes),
  ];
}

function serversOf(names: string | undefined): readonly ServerKind[] {
  const kinds = names?.split(',') ?? [...serverKinds];
  return kinds.map((kind) => {
    if (!isServerKind(kind)) throw new Error(`Unknown server ${kind}: known are ${serverKinds.join(', ')}`);
    return kind;
  });
}

/** A row is wanted by its name, or by the first words of it: `put` is all of `put-1`, `put-16`... */
function wantedBy(groups: readonly Group[], only: string | undefined): (row: string) => boolean {
  if (only === undefined) return () => true;
  const names = only.split(',');
  const isNamed = (row: string, name: string): boolean => row === name || row.startsWith(`${name}-`);
  const rows = groups.flatMap(({ rows }) => rows.map(({ name }) => name));
  const unknown = names.filter((name) => !rows.some((row) => isNamed(row, name)));
  if (unknown.length > 0) throw new Error(`Unknown row ${unknown.join(', ')}: --list names all`);
  return (row) => names.some((name) => isNamed(row, name));
}

process.exitCode = await main();

/**
 * Engram beside etcd 3.7 and 3.6 on this machine, under the same load.
 *
 *     npm run bench:etcd                                     all of it: three quarters of an hour
 *     npm run bench:etcd -- --short                          all rows, small: five minutes
 *     npm run bench:etcd -- --list                           names of the rows
 *     npm run bench:etcd -- --only put,range --rounds 1      rows whose names start with these words
 *     npm run bench:etcd -- --only range-linearizable --servers engram --rounds 1 \
 *         --node '--cpu-prof --cpu-prof-dir=/tmp/profile'    with flags of Node for Engram
 *
 * `npx tsx bench/etcd/main.ts ...` is the same with dist/ as it is.
 *
 * Each row is a closed loop of clients, or a fixed rate, from a generator in a process of its own: server and generator
 * share the machine's cores, on which nothing is pinned. Servers take turns in rounds; figures are medians. CPU is the
 * server's, all its threads, from /proc. Durable figures stand on the disk's sync latency, which the report names.
 */

import { parseArgs } from 'node:util';
import { callGroups } from './call-rows.ts';
import type { Group } from './group.ts';
import { runAll } from './runner.ts';
import { isServerKind, serverKinds } from './servers.ts';
import type { ServerKind } from './servers.ts';
import { FULL, SHORT } from './sizes.ts';

const groups: readonly Group[] = [...callGroups];

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      servers: { type: 'string' },
      node: { type: 'string', default: '' },
    },
  });
  if (values.list) {
    for (const { name, title } of groups.flatMap(({ rows }) => rows))
      process.stdout.write(`${name.padEnd(34)}${title}\n`);
    return 0;
  }
  const sizes = values.short ? SHORT : FULL;
  await runAll({
    groups,
    servers: serversOf(values.servers),
    rounds: Number(values.rounds ?? sizes.rounds),
    sizes,
    wants: wantedBy(values.only),
    node: values.node.split(' ').filter((flag) => flag !== ''),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  return 0;
}

function serversOf(names: string | undefined): readonly ServerKind[] {
  const kinds = names?.split(',') ?? [...serverKinds];
  return kinds.map((kind) => {
    if (!isServerKind(kind)) throw new Error(`Unknown server ${kind}: known are ${serverKinds.join(', ')}`);
    return kind;
  });
}

/** A row is wanted by its name, or by the first words of it: `put` is all of `put-1`, `put-16`... */
function wantedBy(only: string | undefined): (row: string) => boolean {
  if (only === undefined) return () => true;
  const names = only.split(',');
  const isNamed = (row: string, name: string): boolean => row === name || row.startsWith(`${name}-`);
  const rows = groups.flatMap(({ rows }) => rows.map(({ name }) => name));
  const unknown = names.filter((name) => !rows.some((row) => isNamed(row, name)));
  if (unknown.length > 0) throw new Error(`Unknown row ${unknown.join(', ')}: --list names all`);
  return (row) => names.some((name) => isNamed(row, name));
}

process.exitCode = await main(process.argv.slice(2));

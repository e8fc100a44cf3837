/**
 * What the rooms cost in process: no transport, no client.
 *
 *     npm run bench                            all of it, with 5 M keys: some minutes and 4 GiB
 *     npm run bench -- --short                 smaller sizes: a minute
 *     npm run bench -- --only put,list         by name
 *     npm run bench -- --json FILE             the figures also as JSON
 *
 * Figures are medians; those of CPU time are of all threads of the process, garbage collection included. Compare only
 * within one run or, better, several runs in turn on one machine.
 */

import { writeFileSync } from 'node:fs';
import { programOptions } from '../test/support/program-options.ts';
import { FULL, SHORT } from './figures.ts';
import type { Figure } from './figures.ts';
import { benches } from './benches.ts';
import { heap } from './built.ts';
import { machine } from './machine.ts';
import { reportText } from './report.ts';

async function main(): Promise<number> {
  const values = programOptions(import.meta.filename, {
    short: { type: 'boolean' },
    only: { type: 'string' },
    json: { type: 'string' },
  });
  const names = values.only?.split(',') ?? Object.keys(benches);
  const unknown = names.filter((name) => !(name in benches));
  if (unknown.length > 0) {
    process.stderr.write(
      `Unknown benchmark ${unknown.join(', ')}: known are ${Object.keys(benches).join(', ')}\n`,
    );
    return 1;
  }
  // As the server does: garbage collection is part of the figures.
  heap.letHeapGrow();
  const where = machine();
  const figures: Figure[] = [];
  for (const name of names) {
    process.stderr.write(`bench: ${name}\n`);
    figures.push(...(await benches[name]!(values.short === true ? SHORT : FULL)));
  }
  process.stdout.write(reportText(where, figures));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine: where, figures }, undefined, 2)}\n`);
  return 0;
}

process.exitCode = await main();

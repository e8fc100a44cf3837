/**
 * What grows with the data, against the built server in a process of its own:
 *
 *     tsx test/scale/main.ts             the sizes of the aims: a quarter of an hour
 *     tsx test/scale/main.ts --short     a fifth of them or less: 3 minutes
 *     tsx test/scale/main.ts --only disk,leases
 */
import { programOptions } from '../support/program-options.ts';
import { suite } from '../support/suite.ts';
import type { Suite } from '../support/suite.ts';
import { checkDisk, DISK_FULL, DISK_SHORT } from './disk.ts';
import { checkLeases, LEASES_FULL, LEASES_SHORT } from './leases.ts';
import { checkMemory, MEMORY_FULL, MEMORY_SHORT } from './memory.ts';
import { checkPauses, PAUSES_FULL, PAUSES_SHORT } from './pauses.ts';
import { checkEmptyStart } from './start.ts';

const checks: Readonly<Record<string, (to: Suite, isShort: boolean) => Promise<void>>> = {
  start: (to) => checkEmptyStart(to),
  memory: (to, isShort) => checkMemory(to, isShort ? MEMORY_SHORT : MEMORY_FULL),
  disk: (to, isShort) => checkDisk(to, isShort ? DISK_SHORT : DISK_FULL),
  leases: (to, isShort) => checkLeases(to, isShort ? LEASES_SHORT : LEASES_FULL),
  pauses: (to, isShort) => checkPauses(to, isShort ? PAUSES_SHORT : PAUSES_FULL),
};

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean' },
  only: { type: 'string' },
});
const scale = suite('scale');
for (const name of values.only?.split(',') ?? Object.keys(checks)) {
  const check = checks[name];
  if (check === undefined)
    throw new Error(`Unknown check ${name}: known are ${Object.keys(checks).join(', ')}`);
  await check(scale, values.short === true);
}
scale.finish();

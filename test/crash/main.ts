/**
 * What must survive: kill -9, a lost unsynced tail, damaged files, a full disk. `npm run test:crash -- [--short]
 * [--seed N] [--only WORDS] [--engine tikv]`; the short form kills 8 times instead of 50, `--only` runs the checks with
 * WORDS in their names. On TiKV (a test cluster): kill -9, stores and placement drivers that stop, a store that forgot.
 */
import { programOptions } from '../support/program-options.ts';
import { print, suite } from '../support/suite.ts';
import { flippedBytes, flippedTableBytes, lockedDirectory, truncatedLog } from './damage.ts';
import { fullDisk } from './full-disk.ts';
import { killUnderLoad } from './kill.ts';
import { syncsAreCounted, unsyncedTailIsLost } from './sync.ts';
import { killOnTikv, tikvForgets, tikvUnderDisturbance } from './tikv.ts';

const values = programOptions(import.meta.filename, {
  short: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  only: { type: 'string', default: '' },
  engine: { type: 'string', default: 'level' },
});
const crash = suite('test:crash');
async function check(name: string, run: () => Promise<string>): Promise<void> {
  if (!name.includes(values.only)) return;
  await crash.check(name, async () => {
    print(`   ${await run()}`);
  });
}

const rounds = values.short ? 8 : 50;
const seed = Number(values.seed);
if (values.engine === 'tikv') await onTikv();
else await onLevel();
crash.finish();

async function onLevel(): Promise<void> {
  await check('promises 1, 2 and 5: kill -9 under load', () => killUnderLoad(rounds, seed));
  await check('promise 1: a sync for each acknowledged group', syncsAreCounted);
  await check('promise 1: the unsynced tail is lost', () => unsyncedTailIsLost(values.short ? 3 : 12));
  await check('a flipped byte in the log of LevelDB is detected at start', flippedBytes);
  await check('a flipped byte in a table of LevelDB is detected at start', flippedTableBytes);
  await check('a truncated log is detected at start', truncatedLog);
  await check('a second server on the directory is refused', lockedDirectory);
  await check('promise 1: a full disk', fullDisk);
}

async function onTikv(): Promise<void> {
  await check('promises 1, 2 and 5: kill -9 under load, on TiKV', () => killOnTikv(rounds, seed));
  await check('promises 1 and 2: stores and placement drivers stop and start, regions move, under load', () =>
    tikvUnderDisturbance(values.short ? 8_000 : 60_000, seed),
  );
  await check('promise 1: a TiKV that forgot is not written to', tikvForgets);
}

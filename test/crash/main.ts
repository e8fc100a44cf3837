/**
 * What must survive: kill -9, a lost unsynced tail, damaged files, a full disk. `npm run test:crash -- [--short]
 * [--seed N] [--only WORDS]`; the short form kills 8 times instead of 50, `--only` runs the checks with WORDS in their
 * names.
 */
import { parseArgs } from 'node:util';
import { print, suite } from '../support/suite.ts';
import { flippedBytes, flippedTableBytes, lockedDirectory, truncatedLog } from './damage.ts';
import { fullDisk } from './full-disk.ts';
import { killUnderLoad } from './kill.ts';
import { syncsAreCounted, unsyncedTailIsLost } from './sync.ts';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const crash = suite('test:crash');
async function check(name: string, run: () => Promise<string>): Promise<void> {
  if (!name.includes(values.only)) return;
  await crash.check(name, async () => {
    print(`   ${await run()}`);
  });
}

const rounds = values.short ? 8 : 50;
await check('promises 1, 2 and 5: kill -9 under load', () => killUnderLoad(rounds, Number(values.seed)));
await check('promise 1: a sync for each acknowledged group', syncsAreCounted);
await check('promise 1: the unsynced tail is lost', () => unsyncedTailIsLost(values.short ? 3 : 12));
await check('a flipped byte in the log of LevelDB is detected at start', flippedBytes);
await check('a flipped byte in a table of LevelDB is detected at start', flippedTableBytes);
await check('a truncated log is detected at start', truncatedLog);
await check('a second server on the directory is refused', lockedDirectory);
await check('promise 1: a full disk', fullDisk);
crash.finish();

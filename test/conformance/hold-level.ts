import { LevelEngine } from '../../src/engine/level/index.ts';

/**
 * A process that holds a data directory and commits as fast as it can, for the tests that kill it: argument 1 is the
 * directory. Prints a line with the number of each commit once it is acknowledged.
 */
const directory = process.argv[2];
if (directory === undefined) throw new TypeError('Cannot start: argument 1 must be the data directory');
const engine = await LevelEngine.open({ directory });
const signal = new AbortController().signal;
for (let i = 1; ; i++) {
  const writes = [
    { key: Buffer.from(`slot${String(i).padStart(8, '0')}`), value: Buffer.alloc(2000, i) },
    { key: Buffer.from('tail'), value: Buffer.from(String(i)) },
  ];
  const { kind } = await engine.commit({ conditions: [], writes }, signal);
  process.stdout.write(`${kind} ${i}\n`);
}

/** Options of the programs of this repo that people run by hand: suites, benchmarks, the simulation. */

import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values'];

/**
 * The values of the options that a program was started with. `--help` prints the comment at the head of `file`, which is
 * the program's, and ends the process with 0; an unknown option, or one without its value, is named and ends it with 2.
 */
export function programOptions<const T extends Options>(file: string, options: T): Values<T> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${headComment(readFileSync(file, 'utf8'))}\n`);
    process.exit(0);
  }
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n--help tells of all.\n`);
    process.exit(2);
  }
}

/** The text of the comment that a source begins with. */
export function headComment(source: string): string {
  const end = source.indexOf('*/');
  if (!source.startsWith('/**') || end < 0) throw new Error('The file does not begin with a comment');
  const lines = source.slice('/**'.length, end).split('\n');
  return lines
    .map((line) => line.replace(/^ \* ?/, ''))
    .join('\n')
    .trim();
}

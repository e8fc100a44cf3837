#!/usr/bin/env node
/** The `engram` command. It loads what a command needs when it is asked for, so that `version` and a start are quick. */
import { ENGRAM_VERSION } from './version.ts';

const USAGE = `Usage: engram serve [flags]    run a server
       engram version          show versions
       engram help             show this text

Flags of serve (--flag=value or --flag value; variables and the config file take the same values):
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  // A manifest written for etcd has flags only.
  if (command === 'serve' || command?.startsWith('-') === true) {
    const flags = command === 'serve' ? rest : args;
    if (flags.some((flag) => /^--?(help|h)$/.test(flag))) return help();
    if (flags.some((flag) => /^--?version$/.test(flag))) return version();
    const { serve } = await import('./serve.ts');
    return serve(flags);
  }
  if (command === 'version') return version();
  if (command === 'help') return help();
  if (command !== undefined) process.stderr.write(`Unknown command "${command}"\n\n`);
  await help(process.stderr);
  return 1;
}

async function help(to: NodeJS.WriteStream = process.stdout): Promise<number> {
  const { describeSettings } = await import('../config/index.ts');
  to.write(`${USAGE}${describeSettings()}\n`);
  return 0;
}

async function version(): Promise<number> {
  const { ETCD_VERSION } = await import('../server/index.ts');
  process.stdout.write(
    `engram Version: ${ENGRAM_VERSION}\netcd API Version: ${ETCD_VERSION}\nNode.js Version: ${process.versions.node}\n`,
  );
  return 0;
}

// Nothing that is still open may keep a server alive that has closed.
process.exit(await main(process.argv.slice(2)));

import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * Who holds a data directory, for the error message of the next one that wants it. The lock itself is LevelDB's and
 * ends with its process; so the file of a dead process means nothing, and is overwritten.
 */
const FILE_NAME = 'owner.json';

export async function writeOwner(directory: string): Promise<void> {
  const owner = { pid: process.pid, host: hostname() };
  await writeFile(join(directory, FILE_NAME), `${JSON.stringify(owner)}\n`);
}

export async function removeOwner(directory: string): Promise<void> {
  await rm(join(directory, FILE_NAME), { force: true });
}

/** For an error message: "process 12 on host a". */
export async function describeOwner(directory: string): Promise<string> {
  const unknown = 'a process that left no owner file';
  let text: string;
  try {
    text = await readFile(join(directory, FILE_NAME), 'utf8');
  } catch (error) {
    return `${unknown} (${String(error)})`;
  }
  const pid = /"pid":(\d+)/.exec(text)?.[1];
  const host = /"host":"([^"]*)"/.exec(text)?.[1];
  return pid === undefined || host === undefined ? unknown : `process ${pid} on host ${host}`;
}

import { ClassicLevel } from 'classic-level';
import type { Bytes } from '../../base/index.ts';
import { EngineError } from '../index.ts';
import type { EngineErrorCode } from '../index.ts';
import { describeOwner } from './owner.ts';

/** LevelDB, as `classic-level` shows it; keys and values are byte strings. */
export type Database = ClassicLevel<Bytes, Bytes>;
/** Opens what is in `location`, creating it if it is missing. Tests put failing ones in its place. */
export type OpenDatabase = (location: string) => Promise<Database>;

/**
 * For values of 0.5 to 1000 KiB under keys in rising order. Measured with 400 MB in values of 45 KB:
 * - `compression` costs 8 % more CPU on values that cannot be compressed and next to nothing on JSON.
 * - `writeBufferSize`: two buffers may be in memory, and a start replays one. Each becomes a table as it is, and is not
 *   merged while the log only grows (tail.ts). 2, 4 and 8 MiB cost the same CPU; with less the waits for a buffer to be
 *   written get shorter and more, with more a scan leaves more mapped.
 * - `maxFileSize`, the size of tables that were merged, and `maxOpenFiles` are the least that LevelDB takes: it keeps 64
 *   tables mapped, and what was read of them counts as resident.
 * - `cacheSize`: a value is read once, at start, or seldom; the system's cache serves better.
 */
const OPTIONS = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: true,
  writeBufferSize: 4 * 1024 * 1024,
  maxFileSize: 1024 * 1024,
  maxOpenFiles: 74,
  blockSize: 16 * 1024,
  cacheSize: 1024 * 1024,
} as const;

const CODES: Readonly<Record<string, EngineErrorCode>> = {
  LEVEL_CORRUPTION: 'corrupt',
  LEVEL_LOCKED: 'locked',
};

export async function openClassicLevel(location: string): Promise<Database> {
  const database: Database = new ClassicLevel(location, OPTIONS);
  await database.open();
  return database;
}

/**
 * Fails when another process holds the database, and touches nothing: LevelDB takes its lock before it finds that the
 * database exists, which it is told to be an error.
 */
export async function probeLock(directory: string, location: string): Promise<void> {
  const probe = new ClassicLevel(location, { createIfMissing: false, errorIfExists: true });
  const error: unknown = await probe.open().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return await probe.close();
  if (codeOf(error) === 'locked') throw await lockedError(directory, error);
}

export async function lockedError(directory: string, cause: unknown): Promise<EngineError> {
  const owner = await describeOwner(directory);
  const message = `Cannot open data directory ${directory}: it is in use by ${owner}; stop it, or use another directory`;
  return new EngineError('locked', message, { cause });
}

/** An error of the driver as one of ours; `action` reads like "read from" or "open". */
export function engineError(error: unknown, action: string, location: string): EngineError {
  if (error instanceof EngineError) return error;
  const advice = codeOf(error) === 'corrupt' ? ': restore the data directory from a backup' : '';
  const message = `Cannot ${action} ${location}: ${rootMessage(error)}${advice}`;
  return new EngineError(codeOf(error), message, { cause: error });
}

function codeOf(error: unknown): EngineErrorCode {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = 'code' in e && typeof e.code === 'string' ? CODES[e.code] : undefined;
    if (code !== undefined) return code;
  }
  return 'unavailable';
}

function rootMessage(error: unknown): string {
  let message = String(error);
  for (let e = error; e instanceof Error; e = e.cause) message = e.message;
  return message;
}

import { readFileSync } from 'node:fs';
import { readEnvironment } from './environment.ts';
import { ConfigError } from './errors.ts';
import { readFileSettings } from './file.ts';
import { readFlags, type Given } from './flags.ts';
import { checkPeers, usesPeers } from './peers.ts';
import { defaultQuotaBytes } from './quota.ts';
import { parseRetention, type Retention } from './retention.ts';
import { DEFAULT_PEER_URL, SCHEMA, type SettingName, type SettingRow, type Values } from './schema.ts';
import { checkTikv } from './tikv.ts';
import { checkTls } from './tls.ts';
import { ValueProblem } from './values.ts';

/** What a server is to be, checked. Durations are milliseconds, sizes bytes. */
export interface Settings extends Omit<
  Values,
  'configFile' | 'autoCompactionMode' | 'autoCompactionRetention'
> {
  /** The default filled in; none with an engine that is not shared, where there are no peers. */
  readonly listenPeerUrls: string[];
  readonly autoCompaction: Retention;
  /** The default filled in; Infinity when there is no quota. */
  readonly quotaBackendBytes: number;
}

export interface SettingsSource {
  /** Without the program and the command. */
  readonly args: readonly string[];
  /** Default: the variables of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Settings from flags over variables over the file over defaults. Throws ConfigError. */
export async function readSettings(
  source: SettingsSource,
): Promise<{ settings: Settings; warnings: string[] }> {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const flags = readFlags(source.args, warn);
  const environment = readEnvironment(source.environment ?? process.env, warn);
  const path = flags.get('config-file')?.text ?? environment.get('config-file')?.text;
  const file = path === undefined ? (new Map() as Given) : await readConfigFile(path, warn);
  const settings = check([flags, environment, file], warn);
  return { settings, warnings };
}

async function readConfigFile(path: string, warn: (message: string) => void): Promise<Given> {
  let document: unknown;
  try {
    // JSON is YAML too. The parser is loaded only when there is something to parse.
    const { parse } = await import('yaml');
    document = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError('unreadableFile', `Cannot read ${path}: ${reason}`, { cause });
  }
  return readFileSettings(document, path, warn);
}

function check(sources: readonly Given[], warn: (message: string) => void): Settings {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(SCHEMA) as SettingName[]) values[name] = valueOf(SCHEMA[name], sources);
  // The loop above has given every name of SCHEMA a value of its own type.
  const checked = values as unknown as Values;
  checkTls(checked, warn);
  checkTikv(checked, warn);
  checkPeers(checked, warn);
  const { configFile: _path, autoCompactionMode, autoCompactionRetention, ...rest } = checked;
  const quota = rest.quotaBackendBytes;
  return {
    ...rest,
    listenPeerUrls: usesPeers(checked) ? (checked.listenPeerUrls ?? [DEFAULT_PEER_URL]) : [],
    autoCompaction: guarded(originOf('auto-compaction-retention', sources), () =>
      parseRetention(autoCompactionMode, autoCompactionRetention),
    ),
    quotaBackendBytes: quota === 0 ? defaultQuotaBytes() : quota < 0 ? Infinity : quota,
  };
}

function valueOf(row: SettingRow<unknown>, sources: readonly Given[]): unknown {
  const given = sources.find((source) => source.has(row.flag))?.get(row.flag);
  const text = given?.text ?? row.default;
  if (text === undefined) return undefined;
  return guarded(given?.origin ?? `the default of --${row.flag}`, () => row.type.parse(text));
}

function originOf(flag: string, sources: readonly Given[]): string {
  return sources.find((source) => source.has(flag))?.get(flag)?.origin ?? `--${flag}`;
}

function guarded<T>(origin: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    throw new ConfigError('invalidValue', `${origin} ${error.message}`, { cause: error });
  }
}

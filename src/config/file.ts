import { ConfigError } from './errors.ts';
import { ignoreForeign, resolveAlias, unknownFlag, type Given } from './flags.ts';
import { FOREIGN_FLAGS, TLS_FILE_KEYS } from './foreign-flags.ts';
import { SCHEMA } from './schema.ts';

const OWN_FLAGS: ReadonlyMap<string, string> = new Map(
  Object.values(SCHEMA).map((row) => [row.flag, row.type.placeholder]),
);

/**
 * The settings in a config file: an object with the flags as keys. Values are texts, numbers, booleans, or lists of texts.
 * A number for a duration counts nanoseconds, as in etcd's files.
 */
export function readFileSettings(document: unknown, path: string, warn: (message: string) => void): Given {
  const given: Given = new Map();
  if (document === null || document === undefined) return given;
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new ConfigError('unreadableFile', `${path} must hold keys and values`);
  }
  const ignored = new Set<string>();
  for (const [key, value] of Object.entries(document)) {
    const origin = `${key} in ${path}`;
    if (TLS_FILE_KEYS.has(key)) {
      throw new ConfigError('unsupported', `${origin} is refused: TLS is not supported yet`);
    }
    const flag = resolveAlias(key, warn);
    const placeholder = OWN_FLAGS.get(flag);
    if (placeholder === undefined && !FOREIGN_FLAGS.has(flag)) throw unknownFlag(origin, flag);
    if (value === null || value === undefined) continue;
    const text = textOf(value, origin, placeholder === 'DURATION');
    if (placeholder === undefined) ignoreForeign({ flag, text, origin }, ignored, warn);
    else if (flag === 'config-file')
      throw new ConfigError('invalidValue', `${origin} cannot name another file`);
    else given.set(flag, { text, origin });
  }
  return given;
}

function textOf(value: unknown, origin: string, isDuration: boolean): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return isDuration ? `${value}ns` : String(value);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(',');
  throw new ConfigError('invalidValue', `${origin} must be a text, a number, true, false or a list of texts`);
}

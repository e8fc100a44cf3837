import { ConfigError } from './errors.ts';
import { ignoreForeign, resolveAlias, unknownFlag, type Given } from './flags.ts';
import { FILE_BLOCKS, FOREIGN_FLAGS, type FileBlock } from './foreign-flags.ts';
import { SCHEMA } from './schema.ts';

const OWN_FLAGS: ReadonlyMap<string, string> = new Map(
  Object.values(SCHEMA).map((row) => [row.flag, row.type.placeholder]),
);

/** A key of the file with its value; `origin` names it in messages. */
interface FileEntry {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

/**
 * The settings in a config file: an object with the flags as keys. Values are texts, numbers, booleans, or lists of texts.
 * A number for a duration counts nanoseconds, as in etcd's files. TLS may also be in a block of its own, as it is there.
 */
export function readFileSettings(document: unknown, path: string, warn: (message: string) => void): Given {
  const given: Given = new Map();
  const ignored = new Set<string>();
  for (const { key, value, origin } of entriesOf(document, path)) {
    const flag = resolveAlias(key, warn);
    const placeholder = OWN_FLAGS.get(flag);
    if (placeholder === undefined && !FOREIGN_FLAGS.has(flag)) throw unknownFlag(origin, flag);
    if (value === null || value === undefined) continue;
    const text = textOf(value, origin, placeholder === 'DURATION');
    if (placeholder === undefined) ignoreForeign({ flag, origin }, ignored, warn);
    else if (flag === 'config-file')
      throw new ConfigError('invalidValue', `${origin} cannot name another file`);
    else if (given.has(flag)) throw new ConfigError('repeatedFlag', `${origin} is given twice`);
    else given.set(flag, { text, origin });
  }
  return given;
}

/** The keys of the file, and those of etcd's blocks for TLS, under the names of their flags. */
function* entriesOf(document: unknown, path: string): Iterable<FileEntry> {
  for (const [key, value] of Object.entries(objectOf(document, path))) {
    const origin = `${key} in ${path}`;
    const block = FILE_BLOCKS.get(key);
    if (block === undefined) yield { key, value, origin };
    else yield* blockEntriesOf(block, value, origin);
  }
}

function* blockEntriesOf({ keys, flags }: FileBlock, content: unknown, path: string): Iterable<FileEntry> {
  for (const [name, value] of Object.entries(objectOf(content, path))) {
    const origin = `${name} of ${path}`;
    // The port for clients never looks at it, in etcd either; certificates of peers are not compared with addresses here.
    if (name === 'skip-client-san-verification') continue;
    const key = keys.get(name) ?? name;
    if (!flags.has(key)) throw unknownFlag(origin, key);
    yield { key, value, origin };
  }
}

function objectOf(value: unknown, path: string): object {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  throw new ConfigError('unreadableFile', `${path} must hold keys and values`);
}

function textOf(value: unknown, origin: string, isDuration: boolean): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return isDuration ? `${value}ns` : String(value);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(',');
  throw new ConfigError('invalidValue', `${origin} must be a text, a number, true, false or a list of texts`);
}

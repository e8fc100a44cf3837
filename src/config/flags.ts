import { ConfigError } from './errors.ts';
import { ALIASES, FOREIGN_FLAGS } from './foreign-flags.ts';
import { nearest } from './nearest.ts';
import { SCHEMA } from './schema.ts';

/** Texts by flag, each with the words that name its origin in messages. */
export type Given = Map<string, { text: string; origin: string }>;

const OWN_FLAGS: ReadonlyMap<string, { isBoolean: boolean }> = new Map(
  Object.values(SCHEMA).map((row) => [row.flag, row.type]),
);

/** Takes apart `--flag=value`, `--flag value`, `-flag=value` and boolean `--flag`, as Go's flag package does. */
export function readFlags(args: readonly string[], warn: (message: string) => void): Given {
  const given: Given = new Map();
  const ignored = new Set<string>();
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) throw new ConfigError('unexpectedArgument', `Unexpected argument "${argument}"`);
    const flag = resolveAlias(match[1]!, warn);
    const kind = OWN_FLAGS.get(flag) ?? FOREIGN_FLAGS.get(flag);
    if (kind === undefined) throw unknownFlag(`--${flag}`, flag);
    let text = match[2];
    if (text === undefined && kind.isBoolean) text = 'true';
    text ??= args[++at];
    if (text === undefined) throw new ConfigError('missingValue', `--${flag} needs a value`);
    if (FOREIGN_FLAGS.has(flag)) {
      ignoreForeign({ flag, origin: `--${flag}` }, ignored, warn);
      continue;
    }
    // The same said twice, as where a manifest's flags are put together, leaves nothing open. (Of two values etcd takes the last.)
    const earlier = given.get(flag)?.text;
    if (earlier !== undefined && earlier !== text)
      throw new ConfigError('repeatedFlag', `--${flag} is given twice, as ${earlier} and as ${text}`);
    given.set(flag, { text, origin: `--${flag}` });
  }
  return given;
}

export function resolveAlias(flag: string, warn: (message: string) => void): string {
  const real = ALIASES.get(flag);
  if (real === undefined) return flag;
  warn(`--${flag} is an old name of --${real}`);
  return real;
}

/** Warns once of a flag that has no meaning here. */
export function ignoreForeign(
  { flag, origin }: { flag: string; origin: string },
  ignored: Set<string>,
  warn: (message: string) => void,
): void {
  if (ignored.has(flag)) return;
  ignored.add(flag);
  warn(`${origin} has no meaning here and is ignored`);
}

export function unknownFlag(origin: string, flag: string): ConfigError {
  const suggestion = nearest(flag, OWN_FLAGS.keys()) ?? nearest(flag, FOREIGN_FLAGS.keys());
  const hint = suggestion === undefined ? '; --help lists all' : `; did you mean --${suggestion}?`;
  return new ConfigError('unknownFlag', `Unknown flag ${origin}${hint}`);
}

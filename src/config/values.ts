/**
 * The types of settings: each makes a value of the text of a flag, or says what is wrong with it. Texts follow Go's flag
 * package, because the flags are etcd's.
 */
export interface ValueType<T> {
  /** For the help: `DURATION`. Empty for a boolean flag, which takes no value. */
  readonly placeholder: string;
  readonly isBoolean: boolean;
  /** Throws ValueProblem. */
  parse(text: string): T;
}

/** What is wrong with a value, as the end of a sentence that names the flag. */
export class ValueProblem extends Error {}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export const boolean: ValueType<boolean> = {
  placeholder: '',
  isBoolean: true,
  parse(text) {
    if (TRUE.has(text)) return true;
    if (FALSE.has(text)) return false;
    throw new ValueProblem(`must be true or false, not "${text}"`);
  },
};

export const text: ValueType<string> = valueType('STRING', (value) => {
  if (value === '') throw new ValueProblem('must not be empty');
  return value;
});

/** A name that becomes part of keys and paths. */
export const identifier: ValueType<string> = valueType('NAME', (value) => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)) {
    throw new ValueProblem(
      `must be 1 to 63 letters, digits, ".", "_" or "-", and start with a letter or digit, not "${value}"`,
    );
  }
  return value;
});

/** The path of a file; none when empty, as etcd's flags have it. */
export const path: ValueType<string | undefined> = valueType('PATH', (value) =>
  value === '' ? undefined : value,
);

/** Texts separated by commas; none when empty. */
export const list: ValueType<string[]> = valueType('LIST', (value) =>
  value === '' ? [] : value.split(',').map((each) => each.trim()),
);

/** `host:port` addresses, separated by commas; none when empty. */
export const addresses: ValueType<string[]> = valueType('ADDRESSES', (value) => {
  const all = list.parse(value);
  for (const each of all) {
    const port = Number(/^(?:[^:/?#@\s[\]]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(each)?.[1]);
    if (!(port >= 1 && port <= 65_535)) {
      throw new ValueProblem(`must be host:port addresses as in pd-1:2379,pd-2:2379, not "${each}"`);
    }
  }
  if (new Set(all).size < all.length) throw new ValueProblem('names an address twice');
  return all;
});

/** Origins of web pages, or `*`, separated by commas; none when empty. */
export const origins: ValueType<string[]> = valueType('ORIGINS', (value) => {
  const all = list.parse(value);
  for (const each of all) {
    if (each !== '*' && !/^https?:\/\/[^/?#@\s]+$/.test(each)) {
      throw new ValueProblem(`must be * or origins as in https://example.com:8080, not "${each}"`);
    }
  }
  return all;
});

/** One of the options; none when empty. */
export function optionalChoice<const T extends string>(...options: readonly T[]): ValueType<T | undefined> {
  const type = choice(...options);
  return { ...type, parse: (value) => (value === '' ? undefined : type.parse(value)) };
}

export function choice<const T extends string>(...options: readonly T[]): ValueType<T> {
  return valueType(options.join('|'), (value) => {
    const found = options.find((option) => option === value);
    if (found === undefined) throw new ValueProblem(`must be one of ${options.join(', ')}, not "${value}"`);
    return found;
  });
}

export function integer(bounds: { min: number; max: number }): ValueType<number> {
  return valueType('NUMBER', (value) => bounded(parseInteger(value), bounds, value));
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Bytes: a number, with a unit of KiB, MiB, GiB or TiB if wanted. */
export function bytes(bounds: { min: number; max: number }): ValueType<number> {
  return valueType('BYTES', (value) => {
    const match = /^(-?\d+)(KiB|MiB|GiB|TiB)?$/.exec(value);
    if (match === null) {
      throw new ValueProblem(`must be a number of bytes, as in 1572864 or 8GiB, not "${value}"`);
    }
    return bounded(Number(match[1]) * SIZE_UNITS[match[2] ?? '']!, bounds, value);
  });
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it (`5m`, `1h30m`, `1.5s`, `0`), in milliseconds. */
export function parseDurationMs(value: string): number {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(value);
  if (match === null) throw new ValueProblem(`must be a duration, as in 5m, 1h30m or 500ms, not "${value}"`);
  let sum = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Number(amount) * DURATION_UNITS_MS[String(unit)]!;
  }
  return match[1] === '-' ? -sum : sum;
}

/** `ofZero` is the duration that 0 stands for, if it may be given though it is no duration within the bounds. */
export function durationMs(bounds: { min: number; max: number; ofZero?: string }): ValueType<number> {
  return valueType('DURATION', (value) => {
    const parsed = parseDurationMs(value);
    if (parsed === 0 && bounds.ofZero !== undefined) return parseDurationMs(bounds.ofZero);
    if (parsed < bounds.min) throw new ValueProblem(`must be at least ${bounds.min}ms, not ${value}`);
    if (parsed > bounds.max) throw new ValueProblem(`must be at most ${bounds.max}ms, not ${value}`);
    return parsed;
  });
}

/** `http(s)://host:port` and `unix(s)://path` URLs, separated by commas. */
export const urls: ValueType<string[]> = valueType('URLS', (value) => {
  const list = value.split(',').map((each) => each.trim());
  const seen = new Set<string>();
  for (const each of list) {
    checkUrl(each);
    if (seen.has(each)) throw new ValueProblem(`names ${each} twice`);
    seen.add(each);
  }
  return list;
});

function checkUrl(value: string): void {
  const path = /^unixs?:\/\/(.*)$/i.exec(value)?.[1];
  if (path !== undefined) {
    if (path === '' || path.includes('\0'))
      throw new ValueProblem(`must name a socket, as in unix:///run/engram`);
    return;
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new ValueProblem(`must be URLs as in http://127.0.0.1:2379, not "${value}"`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ValueProblem(`must be http://, https://, unix:// or unixs:// URLs, not "${value}"`);
  }
  if (!/:\d+\/?$/.test(value)) throw new ValueProblem(`must name a port, as in ${value}:2379`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new ValueProblem(`must be ${url.protocol}//host:port without anything else, not "${value}"`);
  }
}

function valueType<T>(placeholder: string, parse: (value: string) => T): ValueType<T> {
  return { placeholder, isBoolean: false, parse };
}

export function parseInteger(value: string): number {
  if (!/^[+-]?\d+$/.test(value)) throw new ValueProblem(`must be a whole number, not "${value}"`);
  return Number(value);
}

function bounded(value: number, { min, max }: { min: number; max: number }, text: string): number {
  if (value < min) throw new ValueProblem(`must be at least ${min}, not ${text}`);
  if (value > max) throw new ValueProblem(`must be at most ${max}, not ${text}`);
  return value;
}

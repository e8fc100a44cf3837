import { environmentName, SCHEMA, type SettingRow } from './schema.ts';

/** The flags of `engram serve`, one paragraph each. */
export function describeSettings(): string {
  return Object.values(SCHEMA)
    .map((row) => describe(row))
    .join('\n');
}

function describe(row: SettingRow<unknown>): string {
  const value = row.type.isBoolean ? '' : ` ${row.type.placeholder}`;
  const preset = row.defaultShown ?? row.default;
  const shown = preset === undefined ? '' : ` [${preset}]`;
  return `  --${row.flag}${value}${shown}\n      ${row.doc}\n      ${environmentName(row.flag)}`;
}
